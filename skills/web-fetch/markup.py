"""Cuts HTML into tags and text, as browsers do, in time proportional to its length whatever is wrong with it.

The standard library's parser takes hours for what a bad page can hold; here nothing is looked at twice: what has no end
in the rest of the page ends the page.
"""

import re
from html import unescape

NAME = re.compile(r"[a-zA-Z][^\s/>]*")
BETWEEN = re.compile(r"[\s/]*")
ATTRIBUTE = re.compile(r"([^\s=>/][^\s=>/]*)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*)))?")
# Their content is text up to their end tag, whatever it looks like.
RAW = {name: re.compile(f"</{name}(?=[\\s/>])", re.I) for name in ("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes")}


def events(html):
    """`("text", text)`, `("start", name, attributes)` and `("end", name)`, in order."""
    at, size = 0, len(html)
    while at < size:
        tag = html.find("<", at)
        if tag < 0:
            yield "text", unescape(html[at:])
            return
        if tag > at:
            yield "text", unescape(html[at:tag])
        following = html[tag + 1:tag + 2]
        if following.isascii() and following.isalpha():
            name, attributes, at = _start(html, tag + 1)
            if at < 0:
                return
            yield "start", name, attributes
            if name in RAW:
                end = RAW[name].search(html, at)
                if not end:
                    return
                yield "text", html[at:end.start()] if name in ("script", "style") else unescape(html[at:end.start()])
                at = end.start()
        elif html.startswith("<!--", tag):
            end = tag + 2 if html.startswith(("<!-->", "<!--->"), tag) else html.find("-->", tag + 4)
            if end < 0:
                return
            at = html.find(">", end) + 1
        elif following in ("!", "?", "/"):
            end = html.find(">", tag)
            if end < 0:
                return
            found = NAME.match(html, tag + 2) if following == "/" else None
            if found:
                yield "end", found.group().lower()
            at = end + 1
        else:
            yield "text", "<"
            at = tag + 1


def _start(html, at):
    """Name, attributes and end of a start tag; the end is negative when there is none."""
    name = NAME.match(html, at)
    at, attributes = name.end(), {}
    while True:
        at = BETWEEN.match(html, at).end()
        if html.startswith(">", at):
            return name.group().lower(), attributes, at + 1
        found = ATTRIBUTE.match(html, at)
        if found:
            value = found[2] or found[3] or found[4] or ""
            attributes.setdefault(found[1].lower(), unescape(value) if "&" in value else value)
            at = found.end()
        elif html.startswith("=", at):
            at += 1
        else:
            return "", {}, -1
