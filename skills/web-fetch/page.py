"""The readable text of an HTML page, as Markdown."""

import re

from markup import events

# Nothing below these is read.
SKIPPED = {"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "canvas", "audio", "video", "title", "xmp", "nav", "aside",
           "footer", "button", "select", "textarea", "datalist", "dialog", "head", "rt", "rp", "map", "menu"}
SKIPPED_ROLES = {"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog", "menu", "menubar"}
SKIPPED_NAMES = {"nav", "navbar", "navigation", "menu", "mainmenu", "sidebar", "side-bar", "footer", "site-footer", "site-header", "breadcrumb",
                 "breadcrumbs", "cookie", "cookies", "cookie-banner", "cookie-notice", "advert", "advertisement", "ads", "ad", "social", "share",
                 "sharing", "related", "newsletter", "popup", "modal", "skip-link", "sr-only", "visually-hidden", "toc", "mw-editsection",
                 "navbox", "noprint", "reflist-hidden", "gnb", "lnb"}
NAMED = {"div", "section", "ul", "ol", "table", "span", "p", "a", "header"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
BLOCKS = {"p", "div", "section", "article", "main", "header", "figure", "figcaption", "address", "details", "summary", "form", "fieldset",
          "legend", "dl", "dt", "dd", "hr", "center", "body", "hgroup", "option"}
HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
# A tag that begins ends an open one of these, as far up as one of the others.
IMPLIED_ENDS = {
    "li": ({"li"}, {"ul", "ol", "menu"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "tr": ({"tr"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
}
MOST_DEPTH = 400
MOST_LINKS = 200
# Main text shorter than this is no reason to drop the rest.
LEAST_MAIN = 200
LINK_RUN = 5
LONGEST_CELL = 400


class Block:
    """A paragraph, heading, list item, row or piece of code."""

    __slots__ = ("mark", "text", "in_main", "linked", "is_row")

    def __init__(self, mark, text, in_main, linked, is_row=False):
        self.mark, self.text, self.in_main, self.linked, self.is_row = mark, text, in_main, linked, is_row


class Row:
    """A row of a table: where its blocks begin, and the blocks of each cell."""

    __slots__ = ("start", "begin", "cells", "is_head")

    def __init__(self, start):
        self.start, self.begin, self.cells, self.is_head = start, start, [], False


class Reader:
    def __init__(self, html):
        self.title, self.language, self.meta = "", "", {}
        self.blocks, self.links = [], []
        self.base = None
        # Open elements with what they change, and how many there are of each name.
        self._open, self._names = [], {}
        self._skipping, self._mains, self._articles = 0, 0, 0
        self._text, self._linked, self._mark = [], 0, ""
        self._href, self._link_text = None, []
        # For each open table, its open row, if any.
        self._lists, self._rows = [], []
        self._pre, self._quotes, self._in_title = 0, 0, False
        for kind, *what in events(html):
            {"text": self._data, "start": self._start_tag, "end": self._end_tag}[kind](*what)
        while self._open:
            self._close(self._open[-1][0])
        self._flush()

    # What the page is made of.

    def _start_tag(self, tag, attributes):
        if tag == "html":
            self.language = attributes.get("lang", "")[:20]
        elif tag == "meta":
            name = (attributes.get("property") or attributes.get("name") or "").lower()
            if name and attributes.get("content"):
                self.meta.setdefault(name, attributes["content"])
        elif tag == "base" and self.base is None:
            self.base = attributes.get("href")
        elif tag == "title" and not self.title and not self._names.get("svg"):
            self._in_title = True
        if tag in VOID:
            if not self._skipping and tag in ("br", "hr"):
                self._break(tag)
            return
        self._imply_ends(tag)
        if self._open and self._open[-1][0] == "head" and (tag == "body" or tag in BLOCKS or tag in HEADINGS):
            # It was not closed.
            self._close("head")
        if len(self._open) >= MOST_DEPTH:
            return
        is_skipped = self._is_skipped(tag, attributes)
        is_main = tag == "main" or attributes.get("role") == "main"
        self._open.append((tag, is_skipped, is_main))
        self._names[tag] = self._names.get(tag, 0) + 1
        self._skipping += is_skipped
        self._mains += is_main
        self._articles += tag == "article"
        if not self._skipping:
            self._begin(tag, attributes)

    def _end_tag(self, tag):
        if tag == "title":
            self._in_title = False
        if tag == "br":
            self._start_tag("br", {})
        else:
            self._close(tag)

    def _data(self, data):
        if self._in_title and len(self.title) < 1000:
            self.title += data
        elif not self._skipping:
            self._text.append(data)
            if self._href is not None:
                self._link_text.append(data)
                self._linked += len(data.strip())

    # The tree, as far as it is needed.

    def _is_skipped(self, tag, attributes):
        if tag in SKIPPED or attributes.get("role", "").lower() in SKIPPED_ROLES:
            return True
        if tag == "header" and not self._mains and not self._articles:
            return True
        if tag in ("html", "body", "main", "article"):
            return False
        style = attributes.get("style", "").replace(" ", "").lower()
        if "hidden" in attributes or attributes.get("aria-hidden") == "true" or "display:none" in style or "visibility:hidden" in style:
            return True
        names = f"{attributes.get('class', '')} {attributes.get('id', '')}".lower().split()
        return tag in NAMED and any(name in SKIPPED_NAMES for name in names)

    def _imply_ends(self, tag):
        ended, bounds = IMPLIED_ENDS.get(tag, ((), ()))
        if any(self._names.get(name) for name in ended):
            for name, *_ in reversed(self._open):
                if name in ended:
                    self._close(name)
                    break
                if name in bounds:
                    break
        if (tag in BLOCKS or tag in HEADINGS or tag in ("ul", "ol", "table", "pre", "blockquote")) and self._open and self._open[-1][0] == "p":
            self._close("p")

    def _close(self, tag):
        """Closes the innermost open element of that name and all inside of it."""
        if not self._names.get(tag):
            return
        while self._open:
            name, is_skipped, is_main = self._open.pop()
            self._names[name] -= 1
            if not self._skipping:
                self._end(name)
            self._skipping -= is_skipped
            self._mains -= is_main
            self._articles -= name == "article"
            if name == tag:
                return

    # What is read.

    def _begin(self, tag, attributes):
        if tag == "a":
            self._href, self._link_text = attributes.get("href"), []
        elif tag in HEADINGS:
            self._flush()
            self._mark = "#" * HEADINGS[tag] + " "
        elif tag in ("ul", "ol"):
            self._flush()
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._flush()
            indent = "  " * max(len(self._lists) - 1, 0)
            if self._lists and self._lists[-1] is not None:
                self._lists[-1] += 1
                self._mark = f"{indent}{self._lists[-1]}. "
            else:
                self._mark = f"{indent}- "
        elif tag == "pre":
            self._flush()
            self._pre += 1
        elif tag == "code" and not self._pre:
            self._text.append("`")
        elif tag == "blockquote":
            self._flush()
            self._quotes += 1
        elif tag == "table":
            self._flush()
            self._rows.append(None)
        elif tag == "tr" and self._rows:
            self._flush()
            self._rows[-1] = Row(len(self.blocks))
        elif tag in ("td", "th") and self._rows and self._rows[-1]:
            self._flush()
            self._rows[-1].begin, self._rows[-1].is_head = len(self.blocks), self._rows[-1].is_head or tag == "th"
        elif tag in BLOCKS:
            self._break(tag)

    def _end(self, tag):
        if tag == "a":
            text = " ".join("".join(self._link_text).split())
            if self._href and text and len(self.links) < MOST_LINKS:
                self.links.append((text[:200], self._href, bool(self._mains or self._articles)))
            self._href = None
        elif tag == "code" and not self._pre:
            self._text.append("`")
        elif tag == "pre":
            code = "".join(self._text).strip("\n")
            self._text = []
            self._pre -= 1
            if code.strip():
                self._add("", f"```\n{code}\n```")
        elif tag == "blockquote":
            self._flush()
            self._quotes -= 1
        elif tag in ("td", "th") and self._rows and self._rows[-1]:
            self._flush()
            self._rows[-1].cells.append(self.blocks[self._rows[-1].begin:])
        elif tag == "tr" and self._rows and self._rows[-1]:
            self._flush()
            self._end_row(self._rows[-1])
            self._rows[-1] = None
        elif tag == "table" and self._rows:
            self._flush()
            self._rows.pop()
        elif tag in ("ul", "ol"):
            self._flush()
            if self._lists:
                self._lists.pop()
        elif tag in HEADINGS or tag == "li":
            self._flush()
            self._mark = ""
        elif tag in BLOCKS:
            self._break(tag)

    def _break(self, tag):
        """The end of a line, or of a block. A mark stays for the first text behind it."""
        if self._pre:
            self._text.append("\n")
        elif tag == "br":
            self._text.append("\x00")
        else:
            self._flush()

    def _flush(self):
        lines = [" ".join(line.split()) for line in "".join(self._text).split("\x00")]
        # Two ends of lines in a row part paragraphs, as pages without p do it.
        text = re.sub("\n{2,}", "\n\n", "\n".join(lines)).strip("\n").replace("``", "")
        self._text = []
        if text:
            self._add(self._mark, text)
            self._mark = ""

    def _end_row(self, row):
        """Makes one line of a row whose cells are short texts; any other row lays the page out, and its blocks stay."""
        cells = [blocks[0].text if blocks else "" for blocks in row.cells]
        plain = all(len(blocks) <= 1 for blocks in row.cells) and not any(block.is_row for blocks in row.cells for block in blocks)
        if len([cell for cell in cells if cell]) < 2 or not plain or max(map(len, cells)) > LONGEST_CELL:
            return
        linked = sum(block.linked for block in self.blocks[row.start:])
        del self.blocks[row.start:]
        is_first = not (self.blocks and self.blocks[-1].is_row)
        self._linked = linked
        self._add("", "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |", is_row=True)
        if row.is_head and is_first:
            self._add("", "|" + " --- |" * len(cells), is_row=True)

    def _add(self, mark, text, is_row=False):
        if self._quotes:
            text = text.replace("\n", "\n> ")
            mark = "> " * min(self._quotes, 3) + mark
        self.blocks.append(Block(mark, text, bool(self._mains or self._articles), self._linked, is_row))
        self._linked = 0


def chosen(blocks):
    """The blocks of the page's main part; without one, all but runs of links."""
    inside = [block for block in blocks if block.in_main]
    total = sum(len(block.text) for block in blocks)
    main = sum(len(block.text) for block in inside)
    if main >= LEAST_MAIN and main * 5 >= total:
        return inside
    kept, run = [], []
    for block in [*blocks, None]:
        if block and len(block.text) < 60 and block.linked >= 0.8 * len(block.text.replace(" ", "")) and not block.mark.startswith("#"):
            run.append(block)
            continue
        kept += run if len(run) < LINK_RUN else []
        run = []
        if block:
            kept.append(block)
    # A page of links is read as it is.
    return kept if sum(len(block.text) for block in kept) * 3 > total else blocks


def read(html):
    """The reader that has gone through a page, and its text."""
    reader = Reader(html)
    parts, before = [], None
    for block in chosen(reader.blocks):
        is_item = re.match(r"\s*(-|\d+\.) ", block.mark)
        close = before and ((block.is_row and before.is_row) or (is_item and re.match(r"\s*(-|\d+\.) ", before.mark)))
        parts.append(("\n" if close else "\n\n") if before else "")
        parts.append(block.mark + block.text)
        before = block
    return reader, "".join(parts)
