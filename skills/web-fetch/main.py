#!/usr/bin/env python3
"""The readable text of a page: one JSON object on stdin, one on stdout."""

import json
import re
import sys
import time

CHARS, LEAST_CHARS, MOST_CHARS = 12_000, 200, 50_000
MOST_BYTES = 2 * 1024 * 1024
MOST_URL = 4000
REDIRECTS = 5
# Seconds without a byte, and for the whole page.
TIMEOUT, DEADLINE = 15, 25
MOST_LINKS = 100

TEXTS = re.compile(r"text/(?!html)|application/(json|xml|javascript|x-ndjson|yaml|x-yaml|toml|ld\+json|rss\+xml|atom\+xml)$|.*\+(json|xml)$")
PAGES = ("text/html", "application/xhtml+xml")
KINDS = {"application/pdf": "a PDF", "image": "an image", "video": "a video", "audio": "a sound", "font": "a font", "application/zip": "an archive"}


class Refused(Exception):
    """What can't be fetched, in words for whoever asked."""


def normal(url):
    """The address with its parts as servers want them."""
    from urllib.parse import quote, urlsplit, urlunsplit

    url = url.strip()
    if not url or len(url) > MOST_URL:
        raise Refused(f"`url` must be an address of at most {MOST_URL} characters, such as https://example.com/page")
    if re.search(r"[\x00-\x20\x7f]", url):
        raise Refused("`url` has spaces or control characters in it")
    if not re.match(r"[a-z][a-z0-9+.-]*:", url, re.I) or re.match(r"[^/:]+:\d+(/|$)", url):
        url = "https://" + url.lstrip("/")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused(f"`{url[:200]}` is no address: {error}") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise Refused(f"only http and https are fetched, not `{parts.scheme}`")
    if not host:
        raise Refused(f"`{url[:200]}` names no host")
    if parts.username is not None or parts.password is not None:
        raise Refused("an address with a user name or password in it is not fetched")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise Refused(f"`{host}` is no name of a host") from None
    where = f"[{host}]" if ":" in host else host
    where += f":{port}" if port else ""
    # What is escaped already stays so.
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return urlunsplit((parts.scheme.lower(), where, path, query, ""))


def opener():
    """Follows few redirects, and those to the web only; goes through the proxy that the environment names."""
    from urllib import request

    class Redirects(request.HTTPRedirectHandler):
        followed = 0

        def redirect_request(self, old, file, code, message, headers, new):
            self.followed += 1
            if self.followed > REDIRECTS:
                raise Refused(f"{old.host} redirects more than {REDIRECTS} times")
            if not re.match("https?://", new, re.I):
                raise Refused(f"{old.host} redirects to `{new[:200]}`, which is no web address")
            return super().redirect_request(old, file, code, message, headers, normal(new))

    director = request.OpenerDirector()
    for handler in (request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler, request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor, Redirects):
        director.add_handler(handler())
    return director


def fetch(url):
    """Body, headers and final address of a page; the body is cut at `MOST_BYTES`."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request

    request = Request(url, headers={
        "User-Agent": "Mozilla/5.0 (compatible; openclaw-web-fetch/1.0)",
        "Accept": "text/html,application/xhtml+xml,text/markdown,text/plain,application/json;q=0.9,*/*;q=0.5",
        "Accept-Encoding": "gzip, deflate",
    })
    host = request.host
    begun = time.monotonic()
    try:
        with opener().open(request, timeout=TIMEOUT) as response:
            check_type(response.headers, response.url)
            body = bytearray()
            while len(body) <= MOST_BYTES:
                if time.monotonic() - begun > DEADLINE:
                    raise Refused(f"{host} is too slow: {len(body)} bytes in {DEADLINE} seconds")
                piece = response.read1(65536)
                if not piece:
                    break
                body += piece
            return unpacked(bytes(body), response.headers), response.headers, response.url
    except HTTPError as error:
        raise Refused(http_problem(url, error)) from None
    except URLError as error:
        raise Refused(unreached(host, error.reason)) from None
    except (OSError, HTTPException) as error:
        raise Refused(unreached(host, error)) from None


def unreached(host, why):
    if "Tunnel connection failed: 403" in str(why):
        return f"{host} may not be reached from the sandbox: private and local addresses are closed, and so are ports other than 80 and 443"
    return f"{host} can't be reached: {why or type(why).__name__}"


def http_problem(url, error):
    said = f"{url} answered with {error.code} {error.reason}"
    if error.headers.get_content_type() == "text/plain":
        try:
            text = " ".join(error.read(500).decode("utf-8", "replace").split())
        except OSError:
            text = ""
        said += f": {text[:200]}" if text else ""
    return said


def check_type(headers, url):
    kind = headers.get_content_type()
    if headers.get("Content-Type") and kind not in PAGES and not TEXTS.match(kind):
        what = KINDS.get(kind) or KINDS.get(kind.split("/")[0]) or "no text"
        raise Refused(f"{url} is {what} ({kind}); only pages and texts can be read")


def unpacked(body, headers):
    """The body without its content encoding, cut; a little that unpacks to a lot stays a little."""
    encoding = (headers.get("Content-Encoding") or "identity").lower().strip()
    if encoding in ("identity", ""):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Refused(f"the page is packed with `{encoding}`, which was not asked for")
    import zlib

    for bits in ((31,) if "gzip" in encoding else (15, -15)):
        try:
            return zlib.decompressobj(bits).decompress(body, MOST_BYTES + 1)
        except zlib.error:
            continue
    raise Refused("the page is packed and damaged")


def run(arguments):
    url = arguments.get("url")
    if not isinstance(url, str):
        raise Refused("`url` must be an address, such as https://example.com/page")
    chars = number(arguments, "max_chars", CHARS, LEAST_CHARS, MOST_CHARS)
    offset = number(arguments, "offset", 0, 0, 10 * MOST_BYTES)
    body, headers, final = fetch(normal(url))
    cut, body = len(body) > MOST_BYTES, body[:MOST_BYTES]
    from charset import decode

    kind = headers.get_content_type() if headers.get("Content-Type") else ""
    if not kind:
        kind = "text/html" if re.match(rb"\s*<(!doctype|html|head|body|!--)", body[:500], re.I) else "text/plain"
    is_text = b"\0" not in body[:1000] or body[:2] in (b"\xff\xfe", b"\xfe\xff") or "utf-16" in (headers.get_content_charset() or "")
    if not is_text:
        raise Refused(f"{final} holds no text, whatever it says ({kind})")
    text, charset = decode(body, headers.get_content_charset())
    answer = {"url": final, "content_type": kind, "charset": charset}
    notes = []
    if kind in PAGES:
        text = readable(text, final, arguments.get("links"), answer, notes)
    text = text.replace("\r\n", "\n").strip()
    answer["text"] = text[offset:offset + chars]
    answer["total_chars"] = len(text)
    answer["truncated"] = offset + chars < len(text)
    if answer["truncated"]:
        answer["next_offset"] = offset + chars
    if cut:
        notes.append(f"the page is larger than {MOST_BYTES // 1024 // 1024} MiB; what comes later is missing")
    if notes:
        answer["notes"] = notes
    return answer


def readable(html, url, with_links, answer, notes):
    import page

    reader, text = page.read(html)
    heading = next((block.text for block in reader.blocks if block.mark == "# "), "")
    answer["title"] = " ".join((reader.title or reader.meta.get("og:title") or heading).split())[:500]
    for key, names in (("description", ("description", "og:description")), ("published", ("article:published_time", "date", "dc.date"))):
        value = next((reader.meta[name] for name in names if name in reader.meta), None)
        if value:
            answer[key] = " ".join(value.split())[:500]
    if reader.language:
        answer["language"] = reader.language
    if with_links:
        answer["links"] = absolute(reader, url)
    if len(text) < 100 and re.search("<script", html, re.I):
        notes.append("there is hardly any text; the page may need JavaScript, which is not run")
    return text


def absolute(reader, url):
    """The page's links, those of its main part when it has one."""
    from urllib.parse import urljoin

    base = urljoin(url, reader.base) if reader.base else url
    inside = [link for link in reader.links if link[2]] or reader.links
    found = {}
    for text, href, _ in inside:
        try:
            target = urljoin(base, href.strip())
        except ValueError:
            continue
        if target.startswith(("http://", "https://")) and target.split("#")[0] != url:
            found.setdefault(target, text)
    return [{"text": text, "url": target} for target, text in list(found.items())[:MOST_LINKS]]


def number(arguments, name, default, least, most):
    value = arguments.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refused(f"`{name}` must be a whole number from {least} to {most}")
    return value


def main():
    given = sys.stdin.buffer.read()
    try:
        arguments = json.loads(given)
        if not isinstance(arguments, dict):
            raise ValueError("not an object")
    except ValueError as error:
        return fail(f"the arguments are no JSON object: {error}")
    try:
        answer = run(arguments)
    except Refused as error:
        return fail(str(error))
    tell(answer)


def tell(answer):
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def fail(message):
    """What the model is told instead of an answer."""
    tell({"error": message})


if __name__ == "__main__":
    main()
