import gzip
import time
import unittest

import skill
from server import Server

ARTICLE = """<!DOCTYPE html><html lang="en"><head><title>On   Tea</title><meta name="description" content="All about tea">
<meta property="article:published_time" content="2026-03-01"><style>p{}</style><script>var x = "<p>no</p>";</script></head>
<body><header><a href="/">Home</a></header><nav><ul><li><a href="/a">A</a></li></ul></nav>
<div class="cookie-banner">We use cookies</div>
<main><h1>On Tea</h1><p>Tea is a <b>drink</b> made of <a href="leaves.html">leaves</a>.<p>It is old. &amp; good &#8212; really&nbsp;so,
so that this text is long enough to be the main part of its page, which takes some two hundred characters or thereabouts.
<h2>Kinds</h2><ul><li>Green<li>Black<ul><li>Assam</li><li>Ceylon</li></ul></li></ul><ol><li>Boil</li><li><p>Pour</p></li></ol>
<table><tr><th>Kind</th><th>Minutes</th></tr><tr><td>Green</td><td>2</td></tr><tr><td>Black | strong</td><td>4</td></tr></table>
<pre><code>boil(water)
    pour()</code></pre><p>Use <code>boil</code> first.</p><blockquote><p>Tea is good.</p></blockquote>
<p hidden>secret</p><p style="display: none">secret</p><aside>Buy tea!</aside><form><p>Ask us</p><button>Send</button></form>
<p>Line one<br>line two</p></main><footer>Imprint</footer></body></html>"""

READ = """# On Tea

Tea is a drink made of leaves.

It is old. & good — really so, so that this text is long enough to be the main part of its page, which takes some two hundred characters or thereabouts.

## Kinds

- Green
- Black
  - Assam
  - Ceylon
1. Boil
2. Pour

| Kind | Minutes |
| --- | --- |
| Green | 2 |
| Black \\| strong | 4 |

```
boil(water)
    pour()
```

Use `boil` first.

> Tea is good.

Ask us

Line one
line two"""


def html(body, charset="utf-8", **headers):
    return 200, {"Content-Type": f"text/html; charset={charset}" if charset else "text/html", **headers}, body


class WebFetch(unittest.TestCase):
    def fetch(self, page, path="/", **arguments):
        pages = page if isinstance(page, dict) else {path: page}
        with Server(pages) as server:
            self.base = server.url
            try:
                return skill.run("web-fetch", {"url": server.url + path, **arguments})
            finally:
                self.asked = server.asked

    def text(self, body):
        return self.fetch(html(body.encode()))["text"]

    def test_an_article(self):
        answer = self.fetch(html(ARTICLE.encode()), links=True)
        self.assertEqual(answer["text"], READ)
        self.assertEqual((answer["title"], answer["description"], answer["published"], answer["language"]), ("On Tea", "All about tea", "2026-03-01", "en"))
        self.assertEqual(answer["links"], [{"text": "leaves", "url": self.base + "/leaves.html"}])
        self.assertEqual((answer["truncated"], answer["total_chars"], answer["content_type"]), (False, len(READ), "text/html"))
        self.assertIn("openclaw", self.asked[0][1]["User-Agent"])

    def test_long_texts_come_in_parts(self):
        body = f"<p>{'word ' * 200}</p>".encode()
        first = self.fetch(html(body), max_chars=600)
        self.assertEqual((len(first["text"]), first["truncated"], first["next_offset"], first["total_chars"]), (600, True, 600, 999))
        second = self.fetch(html(body), max_chars=600, offset=600)
        self.assertEqual((first["text"] + second["text"], second["truncated"]), (("word " * 200).strip(), False))

    def test_pages_that_are_not_what_they_should_be(self):
        for body, text in [
            ("just text", "just text"),
            ("<p>one<p>two", "one\n\ntwo"),
            ("<head><title>T</title><div>no end of the head</div>", "no end of the head"),
            ("<ul><li>a<li>b</ul>after", "- a\n- b\n\nafter"),
            ("</div></p>stray<b>bold", "straybold"),
            ("<li></li><p>para</p>", "para"),
            ("a<br/>b<br><br>c", "a\nb\n\nc"),
            ("<table><tr><td>for the layout only</td></tr></table>", "for the layout only"),
            ("<table><tr><td><h1>Head</h1><p>one</p><p>two</p></td><td><table><tr><td>x</td><td>y</td></tr></table></td></tr></table>", "# Head\n\none\n\ntwo\n\n| x | y |"),
            ("<table><tr><td>1<td>2<tr><td>3<td>4</table>", "| 1 | 2 |\n| 3 | 4 |"),
            ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字", "漢字"),
            ("<svg><title>no</title><text>no</text></svg>yes", "yes"),
            ("<div " + "x" * 10 + ">" + "<div>" * 3000 + "deep" + "</div>" * 3000, "deep"),
            ("<script>if (a </b) {}</script>ok<!-- comment -->!", "ok!"),
            ("", ""),
        ]:
            with self.subTest(body[:60]):
                self.assertEqual(self.text(body), text)

    def test_menus_without_a_name_are_left_out(self):
        menu = "<ul>" + "".join(f"<li><a href=/{n}>Entry {n}</a></li>" for n in range(8)) + "</ul>"
        story = "<p>" + "A story of some length. " * 20 + "</p>"
        self.assertEqual(self.text(menu + story), ("A story of some length. " * 20).strip())
        # A page of links is what was asked for.
        self.assertIn("- Entry 7", self.text(menu))

    def test_charsets(self):
        korean, japanese = "안녕하세요, 세계. 오늘은 날씨가 좋습니다.", "こんにちは、世界。今日はいい天気です。"
        simplified, traditional = "你好，世界。今天是个好天气，我们在这里。", "你好，世界。今天是個好天氣，我們在這裡。"
        for text, codec, header, head in [
            (korean, "utf-8", None, ""), (korean, "cp949", "euc-kr", ""), (korean, "cp949", None, "<meta charset=euc-kr>"),
            (korean, "cp949", None, '<meta http-equiv="Content-Type" content="text/html; charset=ks_c_5601-1987">'), (korean, "cp949", None, '<html lang="ko">'),
            (korean, "cp949", None, ""), (korean, "utf-8", "iso-8859-99", ""), (japanese, "euc_jp", None, "<meta charset='euc-jp'>"),
            (japanese, "cp932", "Shift_JIS", ""), (japanese, "cp932", None, "<html lang=ja>"), (japanese, "iso2022_jp", "iso-2022-jp", ""),
            (simplified, "gb18030", None, "<meta charset=gb2312>"), (simplified, "gbk", None, "<html lang='zh-CN'>"), (traditional, "big5", None, "<meta charset=big5>"),
            (traditional, "big5", None, "<html lang=zh-TW>"), (korean, "utf-16", None, ""), (korean, "utf-8-sig", None, ""), ("naïve café", "latin-1", None, ""),
            (korean, "utf-8", "euc-kr", ""),
        ]:
            with self.subTest((text[:2], codec, header, head)):
                body = f"{head}<p>{text}</p>".encode(codec)
                # The last one lies about itself.
                found = self.fetch(html(body, charset=header))
                self.assertEqual(found["text"], text, found["charset"])

    def test_texts_come_as_they_are(self):
        for kind, body in [("text/plain", "a <b>\n\n  c"), ("application/json", '{"a": 1}'), ("text/markdown", "# a"), ("application/rss+xml", "<rss/>"), ("text/csv", "a,b")]:
            with self.subTest(kind):
                answer = self.fetch((200, {"Content-Type": kind}, body.encode()))
                self.assertEqual((answer["text"], answer["content_type"]), (body, kind))
                self.assertNotIn("title", answer)
        self.assertEqual(self.fetch((200, {}, b"<html><body><p>bare</p>"))["text"], "bare")
        self.assertEqual(self.fetch((200, {}, b"bare & plain"))["text"], "bare & plain")

    def test_other_kinds_are_refused(self):
        for headers, body, said in [
            ({"Content-Type": "application/pdf"}, b"%PDF", "is a PDF"), ({"Content-Type": "image/png"}, b"\x89PNG", "is an image"),
            ({"Content-Type": "application/octet-stream"}, b"x", "no text"), ({"Content-Type": "text/plain"}, b"a\0b", "no text, whatever"),
            ({}, b"\x7fELF\0\0", "no text"), ({"Content-Type": "text/html", "Content-Encoding": "br"}, b"x", "packed with `br`"),
            ({"Content-Type": "text/html", "Content-Encoding": "gzip"}, b"not packed at all", "damaged"),
        ]:
            with self.subTest(said), self.assertRaisesRegex(skill.Failed, said):
                self.fetch((200, headers, body))

    def test_what_unpacks_to_much_is_cut(self):
        packed = gzip.compress(b"<p>" + b"a" * (50 * 1024 * 1024))
        answer = self.fetch(html(packed, **{"Content-Encoding": "gzip"}))
        self.assertEqual(answer["total_chars"], 2 * 1024 * 1024 - 3)
        self.assertIn("larger than 2 MiB", answer["notes"][0])
        self.assertEqual(self.fetch(html(gzip.compress(b"<p>packed"), **{"Content-Encoding": "gzip"}))["text"], "packed")

    def test_large_pages_are_cut_and_take_no_age(self):
        begun = time.monotonic()
        answer = self.fetch(html(b"<div><p>text</p>" * 200_000))
        self.assertIn("larger than 2 MiB", answer["notes"][0])
        self.assertLess(time.monotonic() - begun, 25)

    def test_hostile_pages_take_no_age(self):
        skill.module("web-fetch")
        import page

        for piece in ("<!--", "<a ", "<x", '<p a="', "<p a='", "<p a=b ", "</p ", "<!x", "<?", "<title>", "<script>", "<table><tr><td>", "<ul><li>", "&a", "<", "<p =", "<p\t\n "):
            with self.subTest(piece):
                begun = time.monotonic()
                page.read(piece * (1024 * 1024 // len(piece)))
                self.assertLess(time.monotonic() - begun, 10)

    def test_redirects(self):
        there = (302, {"Location": "/end?q=%EB%82%A0"}, b"")
        answer = self.fetch({"/": there, "/end": html(b"<p>arrived")})
        self.assertEqual((answer["text"], answer["url"]), ("arrived", self.base + "/end?q=%EB%82%A0"))
        loop = {f"/{n}": (301, {"Location": f"/{n + 1}"}, b"") for n in range(9)}
        with self.assertRaisesRegex(skill.Failed, "more than 5 times"):
            self.fetch(loop, path="/0")
        self.assertEqual(len(self.asked), 6)
        for target, said in [("file:///etc/passwd", "not allowed"), ("ftp://example.com/", "no web address"), ("http://u:p@127.0.0.1/", "user name")]:
            with self.subTest(target), self.assertRaisesRegex(skill.Failed, said):
                self.fetch((302, {"Location": target}, b""))

    def test_problems_are_told(self):
        with self.assertRaisesRegex(skill.Failed, "404 Not Found"):
            self.fetch({})
        with self.assertRaisesRegex(skill.Failed, "403 Forbidden: host is not declared"):
            self.fetch((403, {"Content-Type": "text/plain"}, b"host is not\ndeclared"))
        with self.assertRaisesRegex(skill.Failed, "can't be reached"):
            skill.run("web-fetch", {"url": "http://127.0.0.1:1/"})
        self.assertIn("JavaScript", self.fetch(html(b"<div id=app></div><script src=app.js></script>"))["notes"][0])

    def test_the_proxy_is_used(self):
        with Server({"/page": html(b"<p>by proxy")}) as proxy:
            answer = skill.run("web-fetch", {"url": "http://site.example/page"}, env={"http_proxy": proxy.url, "HTTP_PROXY": proxy.url})
            self.assertEqual((answer["text"], proxy.asked[0][0]), ("by proxy", "http://site.example/page"))
            # It knows no CONNECT; the sandbox's answers 403 for what is closed.
            with self.assertRaisesRegex(skill.Failed, "can't be reached"):
                skill.run("web-fetch", {"url": "https://site.example/"}, env={"https_proxy": proxy.url})

    def test_addresses(self):
        fetch = skill.module("web-fetch")
        for url, found in [
            ("example.com", "https://example.com/"), ("HTTP://Example.com/a?b=c#d", "http://example.com/a?b=c"), ("example.com:8080/x", "https://example.com:8080/x"),
            ("https://ko.example/위키/날씨?q=서울", "https://ko.example/%EC%9C%84%ED%82%A4/%EB%82%A0%EC%94%A8?q=%EC%84%9C%EC%9A%B8"),
            ("https://한국.example/", "https://xn--3e0b707e.example/"), ("https://a.example/%7Eb%20c", "https://a.example/%7Eb%20c"), ("http://[::1]:80/", "http://[::1]:80/"),
        ]:
            with self.subTest(url):
                self.assertEqual(fetch.normal(url), found)
        for url, said in [("", "must be"), ("ftp://a.example", "only http"), ("javascript:alert(1)", "only http"), ("https://", "no host"), ("https://u@a.example", "user name"),
                          ("https://a.example/b c", "spaces"), ("https://a.example/\r\nX: y", "spaces or control"), ("x" * 5000, "at most"), ("http://[bad/", "no address")]:
            with self.subTest(url[:20]), self.assertRaisesRegex(fetch.Refused, said):
                fetch.normal(url)
        for more, said in [({"max_chars": 1}, "from 200"), ({"offset": -1}, "from 0"), ({"max_chars": True}, "from 200"), ({"url": 5}, "must be an address")]:
            with self.subTest(more), self.assertRaisesRegex(skill.Failed, said):
                skill.run("web-fetch", {"url": "https://example.com", **more})


if __name__ == "__main__":
    unittest.main()
