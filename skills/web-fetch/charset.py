"""Bytes of a page to text, whatever it says of itself."""

import codecs
import re

# What pages say, and what browsers take it for.
MEANT = {
    "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ksc5601": "cp949", "ks_c_5601": "cp949", "x-windows-949": "cp949", "windows-949": "cp949",
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932",
    "x-sjis": "cp932", "windows-31j": "cp932", "big5": "big5hkscs", "big5-hkscs": "big5hkscs", "x-euc-jp": "euc_jp", "iso-8859-1": "cp1252",
    "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252", "utf8": "utf-8", "unicode": "utf-8",
}
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.I)
XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,40})", re.I)
LANG = re.compile(rb"<html[^>]{0,500}?lang\s*=\s*[\"']?([A-Za-z-]{2,20})", re.I)
BY_LANGUAGE = {"ko": ("cp949",), "ja": ("cp932", "euc_jp", "iso2022_jp"), "zh-tw": ("big5hkscs",), "zh-hk": ("big5hkscs",), "zh-hant": ("big5hkscs",),
               "zh": ("gb18030",), "ru": ("cp1251",)}
# Without any hint, what decodes and looks like a language wins.
GUESSES = (("cp949", "[가-힣]"), ("cp932", "[ぁ-ん]"), ("euc_jp", "[ぁ-ん]"), ("gb18030", "[的一是在不了有和人这中大为上个国]"), ("big5hkscs", "[的一是在不了有和人這中大為上個國]"))
HEAD = 4096


def known(label):
    """The codec for a label, or `None`."""
    label = label.strip().lower()
    label = MEANT.get(label, label)
    try:
        # Codecs such as `rot13` are no charsets.
        return codecs.lookup(label).name if codecs.lookup(label)._is_text_encoding else None
    except LookupError:
        return None


def decode(body, header_charset=None):
    """The text and the charset it was taken for. What can't be decoded becomes U+FFFD."""
    for bom, codec in BOMS:
        if body.startswith(bom):
            return body.decode(codec, "replace"), codec.removesuffix("-sig")
    declared = []
    for label in (header_charset, *(found[1].decode() for found in (META.search(body[:HEAD]), XML.search(body[:HEAD])) if found)):
        codec = known(label) if label else None
        # A page whose meta element could be read is no UTF-16.
        if codec and not (codec.startswith("utf-16") and label != header_charset):
            declared.append(codec)
    for codec in (*declared, "utf-8"):
        # A cut page may end in the middle of a character.
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            return decoder.decode(body), codec
        except UnicodeDecodeError:
            continue
    if declared:
        return body.decode(declared[0], "replace"), declared[0]
    codec = guess(body)
    return body.decode(codec, "replace"), codec


def guess(body):
    found = LANG.search(body[:HEAD])
    language = found[1].decode().lower() if found else ""
    for codec in BY_LANGUAGE.get(language) or BY_LANGUAGE.get(language.split("-")[0], ()):
        if decodes(body, codec):
            return codec
    best, score = "cp1252", 0
    for codec, letters in GUESSES:
        text = decodes(body, codec)
        if text:
            other = len(re.findall("[^\x00-\x7f]", text))
            share = len(re.findall(letters, text)) / other if other else 0
            if share > score:
                best, score = codec, share
    return best if score > 0.05 else "cp1252"


def decodes(body, codec):
    try:
        return codecs.getincrementaldecoder(codec)().decode(body)
    except UnicodeDecodeError:
        return None
