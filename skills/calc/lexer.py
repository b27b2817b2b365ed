"""Cuts an expression into numbers, words and signs, whatever keyboard it was typed on."""

import re
from fractions import Fraction

from quantity import MAX_DIGITS, Refused

MAX_CHARS = 4000

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
          "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}
SIGNS = {"×": "*", "✕": "*", "·": "*", "⋅": "*", "∙": "*", "・": "*", "÷": "/", "∕": "/", "⁄": "/", "−": "-", "–": "-",
         "—": "-", "→": "->", "⇒": "=>", "≤": "<=", "≥": ">=", "≦": "<=", "≧": ">=", "≠": "!=", "、": ",", "【": "(",
         "】": ")", "**": "^", "“": '"', "”": '"', "’": "'", "º": "°", "₂": "2"}
SMALL = {"十": 10, "십": 10, "百": 100, "백": 100, "千": 1000, "천": 1000}
LARGE = {"万": 10 ** 4, "萬": 10 ** 4, "만": 10 ** 4, "億": 10 ** 8, "亿": 10 ** 8, "억": 10 ** 8, "兆": 10 ** 12, "조": 10 ** 12}

NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
    r"|(?P<whole>\d[\d_]*)?(?:\.(?P<part>\d[\d_]*))?(?:[eE](?P<exponent>[+-]?\d+)(?![^\W_]))?"
)
GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?")
MIXED = re.compile(r"(\d+) +(\d+)/(\d+)(?![\d.])")
FRACTION = re.compile(r"(\d+(?:\.\d+)?)/(\d+)(?= *[^\W\d_]| *°)")
WORD = re.compile(r"(?:log2|log10)(?=\s*\()|[^\W\d_]*°?[^\W\d_]+(?:_[^\W\d_]+)*|°")
SIGN = re.compile(r"//|\*\*|==|!=|<=|>=|->|=>|[-+*/^()!%=<>,;'\"√]")


class Token:
    """`kind` is number, word, sign or end; `start` and `end` are places in the text that was cut."""

    __slots__ = ("kind", "text", "value", "start", "end")

    def __init__(self, kind, text, start, end, value=None):
        self.kind, self.text, self.start, self.end, self.value = kind, text, start, end, value


def plain(text):
    """The text with the signs of other keyboards replaced by those of ASCII."""
    if text.isascii():
        return text.replace("**", "^")
    import unicodedata

    text = re.sub("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda found: f"^({found.group().translate(SUPERSCRIPTS)})", text)
    for sign, fraction in VULGAR.items():
        text = text.replace(sign, " " + fraction)
    text = unicodedata.normalize("NFKC", text)
    for sign, ascii_sign in SIGNS.items():
        text = text.replace(sign, ascii_sign)
    return text


def number(text):
    """The exact value of a number as it is written."""
    text = text.replace("_", "").replace(",", "")
    if text[:2].lower() in ("0x", "0b", "0o"):
        return Fraction(int(text, 0))
    found = NUMBER.fullmatch(text)
    if len(text) > MAX_DIGITS or abs(int(found["exponent"] or 0)) > MAX_DIGITS:
        raise Refused(f"a number has more than {MAX_DIGITS} digits")
    return Fraction(text if text[0] != "." else "0" + text)


def tokens(text, callable_names, find_unit):
    """Every token of a text that `plain` has been over; the last one is of kind `end`."""
    if len(text) > MAX_CHARS:
        raise Refused(f"the expression has {len(text)} characters; {MAX_CHARS} are the most")
    found, at, calls = [], 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _number(text, at, bool(calls and calls[-1]), found, find_unit) or _word(text, at) or _sign(text, at)
        if token is None:
            raise Refused(f"`{text[at]}` means nothing here")
        if token.text == "(":
            calls.append(bool(found) and found[-1].kind == "word" and found[-1].text.lower() in callable_names)
        elif token.text == ")" and calls:
            calls.pop()
        # m2 is m^2, as people type it.
        before = found[-1] if found else None
        if token.kind == "number" and before and before.kind == "word" and before.end == at and token.text in "23456789":
            if before.text == text[before.start:at] and find_unit(before.text) is not None:
                found.append(Token("sign", "^", at, at))
        found.append(token)
        at = token.end
    found.append(Token("end", "", len(text), len(text)))
    return found


def _number(text, at, in_call, before, find_unit):
    mixed = MIXED.match(text, at)
    if mixed and int(mixed[3]):
        value = int(mixed[1]) + Fraction(int(mixed[2]), int(mixed[3]))
        return Token("number", mixed.group(), at, mixed.end(), value)
    # 1/2 km is half of one, though a number and its unit belong together.
    fraction = FRACTION.match(text, at)
    divides = before and before[-1].text in ("/", "^", "%")
    if fraction and int(fraction[2]) and not divides and len(fraction.group()) < 100:
        return Token("number", fraction.group(), at, fraction.end(), Fraction(fraction[1]) / int(fraction[2]))
    grouped = None if in_call else GROUPED.match(text, at)
    found = grouped or NUMBER.match(text, at)
    if not found or not found.group():
        return None
    value, end = number(found.group()), found.end()
    if not text.isascii():
        value, end = _with_myriads(text, value, end, find_unit)
    return Token("number", text[at:end], at, end, value)


def _with_myriads(text, value, end, find_unit):
    """Goes on with 만, 億 and the like: 2천5백만 is 25,000,000. What begins a unit, such as 千克, is left alone."""
    total, section, pending = Fraction(0), Fraction(0), value
    while True:
        word = WORD.match(text, end)
        multipliers = 0
        if word and find_unit(word.group()) is None:
            while multipliers < len(word.group()) and word.group()[multipliers] in {**SMALL, **LARGE}:
                multipliers += 1
        if not multipliers:
            return total + section + (pending or 0), end
        for sign in text[end:end + multipliers]:
            if sign in SMALL:
                section += (1 if pending is None else pending) * SMALL[sign]
            else:
                total += (section + (pending or 0)) * LARGE[sign]
                section = Fraction(0)
            pending = None
        end += multipliers
        following = re.compile(r" ?(\d[\d,]*(?:\.\d+)?)").match(text, end)
        if not following or (text[end] == " " and not _goes_on(text, following.end())):
            return total + section, end
        pending, end = number(following[1]), following.end()


def _goes_on(text, end):
    return end < len(text) and (text[end] in SMALL or text[end] in LARGE)


def _word(text, at):
    found = WORD.match(text, at)
    if not found or not found.group():
        return None
    word = found.group()
    # 3 x 4: the letter stands for the sign between numbers.
    if word in ("x", "X") and re.search(r"[\d)]\s*$", text[:at]) and re.match(r"\s*[\d(.]", text[found.end():]):
        return Token("sign", "*", at, found.end())
    return Token("word", word, at, found.end())


def _sign(text, at):
    found = SIGN.match(text, at)
    if not found:
        return None
    if found.group() in ("'", '"'):
        return Token("word", "ft" if found.group() == "'" else "in", at, found.end())
    return Token("sign", found.group().replace("**", "^"), at, found.end())
