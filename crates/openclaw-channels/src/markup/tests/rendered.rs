//! Texts and what each platform gets.

use super::{balance, discord, html, plain, render, slack_mrkdwn, split, telegram_html, telegram_units};

/// Markdown, then Telegram's HTML, Discord's Markdown, Slack's mrkdwn, Matrix's HTML, plain text.
type Case = [&'static str; 6];

fn check(cases: &[Case]) {
    for [text, telegram, discorded, slack, matrix, plainly] in cases {
        assert_eq!(render(text, &telegram_html()), *telegram, "Telegram: {text:?}");
        assert_eq!(render(text, &discord()), *discorded, "Discord: {text:?}");
        assert_eq!(render(text, &slack_mrkdwn()), *slack, "Slack: {text:?}");
        assert_eq!(render(text, &html()), *matrix, "Matrix: {text:?}");
        assert_eq!(render(text, &plain()), *plainly, "plain: {text:?}");
        assert_eq!(balance::telegram(telegram), Ok(()));
        assert_eq!(balance::matrix(matrix), Ok(()));
    }
}

#[test]
fn emphasis() {
    check(&[
        [
            "**bold *both* b** ~~gone~~ `a<b`",
            "<b>bold <i>both</i> b</b> <s>gone</s> <code>a&lt;b</code>",
            "**bold *both* b** ~~gone~~ `a<b`",
            "*bold _both_ b* ~gone~ `a&lt;b`",
            "<p><strong>bold <em>both</em> b</strong> <del>gone</del> <code>a&lt;b</code></p>",
            "bold both b gone a<b",
        ],
        [
            "***both***",
            "<i><b>both</b></i>",
            "***both***",
            "_*both*_",
            "<p><em><strong>both</strong></em></p>",
            "both",
        ],
        [
            "**bold `code` bold**",
            "<b>bold </b><code>code</code><b> bold</b>",
            "**bold `code` bold**",
            "*bold `code` bold*",
            "<p><strong>bold <code>code</code> bold</strong></p>",
            "bold code bold",
        ],
        [
            "~~a *b **c*** d~~",
            "<s>a <i>b <b>c</b></i> d</s>",
            "~~a *b **c*** d~~",
            "~a _b *c*_ d~",
            "<p><del>a <em>b <strong>c</strong></em> d</del></p>",
            "a b c d",
        ],
        [
            "**a *b **c** d* e**",
            "<b>a <i>b c d</i> e</b>",
            "**a *b c d* e**",
            "*a _b c d_ e*",
            "<p><strong>a <em>b c d</em> e</strong></p>",
            "a b c d e",
        ],
        [
            "foo**bar**baz and *a*b**c**",
            "foo<b>bar</b>baz and <i>a</i>b<b>c</b>",
            "foo**bar**baz and *a*b**c**",
            "foo\u{200b}*bar*\u{200b}baz and _a_\u{200b}b\u{200b}*c*",
            "<p>foo<strong>bar</strong>baz and <em>a</em>b<strong>c</strong></p>",
            "foobarbaz and abc",
        ],
        [
            "> **a\n> b**\n\n**x\ny**",
            "<blockquote><b>a\nb</b></blockquote>\n\n<b>x\ny</b>",
            "> **a\n> b**\n\n**x\ny**",
            "> *a*\n> *b*\n\n*x*\n*y*",
            "<blockquote><p><strong>a<br>b</strong></p></blockquote><p><strong>x<br>y</strong></p>",
            "> a\n> b\n\nx\ny",
        ],
        [
            "`` a`b `` ```` ``` ````",
            "<code>a`b</code> <code>```</code>",
            "``a`b`` `` `\u{200b}`` ``",
            "a`b `\u{200b}`\u{200b}`\u{200b}",
            "<p><code>a`b</code> <code>```</code></p>",
            "a`b ```",
        ],
    ]);
}

#[test]
fn links() {
    check(&[
        [
            "[link](https://x.y/a_b?c=1&d) <https://auto.link> <me@e.x>",
            "<a href=\"https://x.y/a_b?c=1&amp;d\">link</a> <a href=\"https://auto.link\">https://auto.link</a> <a href=\"mailto:me@e.x\">me@e.x</a>",
            "[link](https://x.y/a_b?c=1&d) https://auto.link me@e.x",
            "<https://x.y/a_b?c=1&amp;d|link> <https://auto.link> <mailto:me@e.x>",
            "<p><a href=\"https://x.y/a_b?c=1&amp;d\">link</a> <a href=\"https://auto.link\">https://auto.link</a> <a href=\"mailto:me@e.x\">me@e.x</a></p>",
            "link (https://x.y/a_b?c=1&d) https://auto.link me@e.x",
        ],
        [
            "[**bold** link](https://e.x/a(b)c)",
            "<a href=\"https://e.x/a(b)c\">bold link</a>",
            "[bold link](https://e.x/a%28b%29c)",
            "<https://e.x/a(b)c|bold link>",
            "<p><a href=\"https://e.x/a(b)c\">bold link</a></p>",
            "bold link (https://e.x/a(b)c)",
        ],
        [
            "![img](https://i.x/p.png) ![](https://i.x/p.png)",
            "<a href=\"https://i.x/p.png\">img</a> <a href=\"https://i.x/p.png\">https://i.x/p.png</a>",
            "[img](https://i.x/p.png) https://i.x/p.png",
            "<https://i.x/p.png|img> <https://i.x/p.png>",
            "<p><a href=\"https://i.x/p.png\">img</a> <a href=\"https://i.x/p.png\">https://i.x/p.png</a></p>",
            "img (https://i.x/p.png) https://i.x/p.png",
        ],
        [
            "[![alt](https://i.x/p.png)](https://l.x)",
            "<a href=\"https://l.x\">alt</a>",
            "[alt](https://l.x)",
            "<https://l.x|alt>",
            "<p><a href=\"https://l.x\">alt</a></p>",
            "alt (https://l.x)",
        ],
        [
            "[mail](mailto:a@b.c) [tel](tel:+123) [tg](tg://user?id=1) [rel](/path) [m](matrix:u/a:b)",
            "<a href=\"mailto:a@b.c\">mail</a> <a href=\"tel:+123\">tel</a> <a href=\"tg://user?id=1\">tg</a> rel (/path) m (matrix:u/a:b)",
            "mail (a@b.c) tel (+123) tg (tg://user?id=1) rel (/path) m (matrix:u/a:b)",
            "<mailto:a@b.c|mail> <tel:+123|tel> tg (tg://user?id=1) rel (/path) m (matrix:u/a:b)",
            "<p><a href=\"mailto:a@b.c\">mail</a> <a href=\"tel:+123\">tel</a> tg (tg://user?id=1) rel (/path) <a href=\"matrix:u/a:b\">m</a></p>",
            "mail (a@b.c) tel (+123) tg (tg://user?id=1) rel (/path) m (matrix:u/a:b)",
        ],
        [
            "[x](javascript:alert(1)) [y](JavaScript:alert(1)) ![d](data:image/png;base64,AAAA)",
            "x (javascript:alert(1)) y (JavaScript:alert(1)) d (data:image/png;base64,AAAA)",
            "x (javascript:alert(1)) y (JavaScript:alert(1)) d (data:image/png;base64,AAAA)",
            "x (javascript:alert(1)) y (JavaScript:alert(1)) d (data:image/png;base64,AAAA)",
            "<p>x (javascript:alert(1)) y (JavaScript:alert(1)) d (data:image/png;base64,AAAA)</p>",
            "x (javascript:alert(1)) y (JavaScript:alert(1)) d (data:image/png;base64,AAAA)",
        ],
        [
            "https://e.x/a_b_c *https://e.x/d*",
            "https://e.x/a_b_c <i>https://e.x/d</i>",
            "https://e.x/a_b_c *https://e.x/d*",
            "https://e.x/a_b_c _https://e.x/d_",
            "<p>https://e.x/a_b_c <em>https://e.x/d</em></p>",
            "https://e.x/a_b_c https://e.x/d",
        ],
        [
            "[a]: https://x.y\n[c]: https://z.z\n\n[a] [b][a]",
            "[c]: https://z.z\n\n<a href=\"https://x.y\">a</a> <a href=\"https://x.y\">b</a>",
            "\\[c]: https://z.z\n\n[a](https://x.y) [b](https://x.y)",
            "[c]: https://z.z\n\n<https://x.y|a> <https://x.y|b>",
            "<p>[c]: https://z.z</p><p><a href=\"https://x.y\">a</a> <a href=\"https://x.y\">b</a></p>",
            "[c]: https://z.z\n\na (https://x.y) b (https://x.y)",
        ],
        [
            "[https://bank.x](https://evil.x)",
            "<a href=\"https://evil.x\">https://bank.x</a>",
            "https://bank.x (https://evil.x)",
            "<https://evil.x|https://bank.x>",
            "<p><a href=\"https://evil.x\">https://bank.x</a></p>",
            "https://bank.x (https://evil.x)",
        ],
    ]);
}

#[test]
fn text_that_looks_like_markup() {
    check(&[
        [
            "a <b>x</b> & \"q\"",
            "a &lt;b&gt;x&lt;/b&gt; &amp; &quot;q&quot;",
            "a \\<b>x\\</b> & \"q\"",
            "a &lt;b&gt;x&lt;/b&gt; &amp; \"q\"",
            "<p>a &lt;b&gt;x&lt;/b&gt; &amp; &quot;q&quot;</p>",
            "a <b>x</b> & \"q\"",
        ],
        [
            "<script>alert(1)</script>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "\\<script>alert(1)\\</script>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
            "<script>alert(1)</script>",
        ],
        [
            "snake_case 5 * 3 5*3 \\*x\\* a|b",
            "snake_case 5 * 3 5*3 *x* a|b",
            "snake\\_case 5 \\* 3 5\\*3 \\*x\\* a\\|b",
            "snake_case 5 * 3 5*3 *\u{200b}x* a|b",
            "<p>snake_case 5 * 3 5*3 *x* a|b</p>",
            "snake_case 5 * 3 5*3 *x* a|b",
        ],
        [
            "\\# not\n\\- not\n1\\. not\n\\> not",
            "# not\n- not\n1. not\n&gt; not",
            "\\# not\n\\- not\n1\\. not\n\\> not",
            "# not\n- not\n1. not\n&gt; not",
            "<p># not<br>- not<br>1. not<br>&gt; not</p>",
            "# not\n- not\n1. not\n> not",
        ],
        [
            "@everyone <@123> <!channel> <#C1|x>",
            "@everyone &lt;@123&gt; &lt;!channel&gt; &lt;#C1|x&gt;",
            "@everyone \\<@123> \\<!channel> \\<#C1\\|x>",
            "@everyone &lt;@123&gt; &lt;!channel&gt; &lt;#C1|x&gt;",
            "<p>@everyone &lt;@123&gt; &lt;!channel&gt; &lt;#C1|x&gt;</p>",
            "@everyone <@123> <!channel> <#C1|x>",
        ],
        [
            "&lt;b&gt; &copy; &#x41;",
            "&lt;b&gt; © A",
            "\\<b> © A",
            "&lt;b&gt; © A",
            "<p>&lt;b&gt; © A</p>",
            "<b> © A",
        ],
        [
            "line one\nline two  \nthree",
            "line one\nline two\nthree",
            "line one\nline two\nthree",
            "line one\nline two\nthree",
            "<p>line one<br>line two<br>three</p>",
            "line one\nline two\nthree",
        ],
    ]);
}

#[test]
fn blocks() {
    check(&[
        [
            "# H1 **b**\n#### H4 `c`",
            "<b>H1 b</b>\n<b>H4 </b><code>c</code>",
            "# H1 **b**\n### H4 `c`",
            "*H1 b*\n*H4 `c`*",
            "<h1>H1 <strong>b</strong></h1><h4>H4 <code>c</code></h4>",
            "H1 b\nH4 c",
        ],
        [
            "```rust,ignore\nfn main() -> &str {}\n```",
            "<pre><code class=\"language-rust\">fn main() -&gt; &amp;str {}</code></pre>",
            "```rust\nfn main() -> &str {}\n```",
            "```\nfn main() -&gt; &amp;str {}\n```",
            "<pre><code class=\"language-rust\">fn main() -&gt; &amp;str {}\n</code></pre>",
            "fn main() -> &str {}",
        ],
        [
            "text\n```\nind```ented\n```\ntext",
            "text\n<pre>ind```ented</pre>\ntext",
            "text\n```\nind`\u{200b}``ented\n```\ntext",
            "text\n```\nind`\u{200b}``ented\n```\ntext",
            "<p>text</p><pre><code>ind```ented\n</code></pre><p>text</p>",
            "text\nind```ented\ntext",
        ],
        ["* * *", "———", "———", "———", "<hr>", "---"],
        [
            "<div>\nraw **html**\n</div>",
            "&lt;div&gt;\nraw **html**\n&lt;/div&gt;",
            "\\<div>\nraw \\*\\*html\\*\\*\n\\</div>",
            "&lt;div&gt;\nraw *\u{200b}*\u{200b}html**\u{200b}\n&lt;/div&gt;",
            "<p>&lt;div&gt;<br>raw **html**<br>&lt;/div&gt;</p>",
            "<div>\nraw **html**\n</div>",
        ],
    ]);
}

#[test]
fn lists_and_quotes() {
    check(&[
        [
            "- one\n- two\n  - nested\n    more\n  - [x] done\n- [ ] open",
            "• one\n• two\n  ◦ nested\n    more\n  ☑ done\n☐ open",
            "- one\n- two\n  - nested\n    more\n  ☑ done\n☐ open",
            "• one\n• two\n  ◦ nested\n    more\n  ☑ done\n☐ open",
            "<ul><li>one</li><li>two<ul><li>nested<br>more</li><li>☑ done</li></ul></li><li>☐ open</li></ul>",
            "- one\n- two\n  - nested\n    more\n  ☑ done\n☐ open",
        ],
        [
            "10. ten\n11. eleven\n    - sub\n\n    para",
            "10. ten\n11. eleven\n    ◦ sub\n\n    para",
            "10. ten\n11. eleven\n    - sub\n\n    para",
            "10. ten\n11. eleven\n    ◦ sub\n\n    para",
            "<ol start=\"10\"><li>ten</li><li>eleven<ul><li>sub</li></ul><p>para</p></li></ol>",
            "10. ten\n11. eleven\n    - sub\n\n    para",
        ],
        [
            "- a\n\n  b\n\n  ```\n  x\n  ```\n- c",
            "• a\n\n  b\n\n<pre>x</pre>\n• c",
            "- a\n\n  b\n\n```\nx\n```\n- c",
            "• a\n\n  b\n\n```\nx\n```\n• c",
            "<ul><li>a<p>b</p><pre><code>x\n</code></pre></li><li>c</li></ul>",
            "- a\n\n  b\n\nx\n- c",
        ],
        [
            "> a\n> > b\n> ```\n> code\n> ```\n> c",
            "<blockquote>a\n&gt; b</blockquote>\n<pre>code</pre>\n<blockquote>c</blockquote>",
            "> a\n> > b\n> ```\n> code\n> ```\n> c",
            "> a\n> > b\n> ```\n> code\n> ```\n> c",
            "<blockquote><p>a</p><blockquote><p>b</p></blockquote><pre><code>code\n</code></pre><p>c</p></blockquote>",
            "> a\n> > b\n> code\n> c",
        ],
        [
            "1. > quote\n2. b",
            "1. <blockquote>quote</blockquote>\n2. b",
            "1. > quote\n2. b",
            "1. > quote\n2. b",
            "<ol><li><blockquote><p>quote</p></blockquote></li><li>b</li></ol>",
            "1. > quote\n2. b",
        ],
        [
            "> - in\n>   - deep\n>\n> out",
            "<blockquote>• in\n  ◦ deep\n\nout</blockquote>",
            "> - in\n>   - deep\n>\n> out",
            "> • in\n>   ◦ deep\n>\n> out",
            "<blockquote><ul><li>in<ul><li>deep</li></ul></li></ul><p>out</p></blockquote>",
            "> - in\n>   - deep\n>\n> out",
        ],
    ]);
}

#[test]
fn tables() {
    check(&[[
        "| a | 漢字 | c |\n|:-:|--:|---|\n| [l](https://x.y) | **1** | a\\|b |\n| 👍 |",
        "<pre>       a        | 漢字 | c\n----------------+------+----\nl (https://x.y) |    1 | a|b\n      👍</pre>",
        "```\n       a        | 漢字 | c\n----------------+------+----\nl (https://x.y) |    1 | a|b\n      👍\n```",
        "```\n       a        | 漢字 | c\n----------------+------+----\nl (https://x.y) |    1 | a|b\n      👍\n```",
        "<table><thead><tr><th>a</th><th>漢字</th><th>c</th></tr></thead><tbody><tr><td><a href=\"https://x.y\">l</a></td><td><strong>1</strong></td><td>a|b</td></tr><tr><td>👍</td></tr></tbody></table>",
        "       a        | 漢字 | c\n----------------+------+----\nl (https://x.y) |    1 | a|b\n      👍",
    ]]);
}

#[test]
fn what_is_still_streaming() {
    check(&[
        ["a **bold", "a **bold", "a \\*\\*bold", "a *\u{200b}*\u{200b}bold", "<p>a **bold</p>", "a **bold"],
        [
            "```rust\nfn main() {\n``",
            "<pre><code class=\"language-rust\">fn main() {</code></pre>",
            "```rust\nfn main() {\n```",
            "```\nfn main() {\n```",
            "<pre><code class=\"language-rust\">fn main() {\n</code></pre>",
            "fn main() {",
        ],
        [
            "[link](https://exa",
            "[link](https://exa",
            "\\[link](https://exa",
            "[link](https://exa",
            "<p>[link](https://exa</p>",
            "[link](https://exa",
        ],
        [
            "| a | b |\n|--",
            "| a | b |\n|--",
            "\\| a \\| b \\|\n\\|--",
            "| a | b |\n|--",
            "<p>| a | b |<br>|--</p>",
            "| a | b |\n|--",
        ],
        ["text\n-", "text", "text", "text", "<p>text</p>", "text"],
    ]);
}

/// A piece that goes on with an item shows no second marker, and a nested list keeps its depth.
#[test]
fn continued_items_have_no_marker() {
    let pieces = split("1. first paragraph of it\n\n   second paragraph\n2. next", 30, &telegram_units);
    let shown: Vec<_> = pieces.iter().map(|piece| render(piece, &telegram_html())).collect();
    assert_eq!(shown, ["1. first paragraph of it", "   second paragraph\n2. next"]);
    assert_eq!(render("- - nested\n- outer", &telegram_html()), "  ◦ nested\n• outer");
}
