//! Texts, limits in characters, and the pieces expected.

use super::{chars, seen, split};

type Case = (&'static str, usize, &'static [&'static str]);

fn check(cases: &[Case]) {
    for (text, limit, pieces) in cases {
        assert_eq!(split(text, *limit, &chars), *pieces, "{text:?} at {limit}");
    }
}

#[test]
fn what_fits_is_returned_as_it_is() {
    check(&[
        ("  * one\n  * two  \n\n", 100, &["  * one\n  * two"]),
        ("\n\n    indented code\n    line two", 100, &["    indented code\n    line two"]),
        ("Setext\n======\ntext", 100, &["Setext\n======\ntext"]),
        ("***\n", 10, &["***"]),
    ]);
}

#[test]
fn nothing_to_see_is_no_piece() {
    check(&[
        ("", 10, &[]),
        (" \n\t\n", 10, &[]),
        ("#", 10, &[]),
        ("```", 10, &[]),
        ("```\n\n\n\n```\n\n   \n", 10, &[]),
        (">", 10, &[]),
    ]);
}

#[test]
fn blocks_come_before_all_else() {
    check(&[
        (
            "First paragraph here.\n\nSecond paragraph, a bit longer.\n\nThird.",
            45,
            &["First paragraph here.", "Second paragraph, a bit longer.\n\nThird."],
        ),
        // A heading stays with what it is for.
        (
            "# Title\n\nText one is here.\n\n## Next\n\nText two is here, and longer.",
            45,
            &["# Title\n\nText one is here.", "## Next\n\nText two is here, and longer."],
        ),
        (
            "Some words come first here.\n\nThe list:\n\n- one\n- two, which is longer",
            45,
            &["Some words come first here.", "The list:\n\n- one\n- two, which is longer"],
        ),
    ]);
}

#[test]
fn lists_go_on_where_they_were() {
    check(&[
        (
            "The list:\n\n- one\n- two\n  - nested one\n  - nested two\n- three\n- four",
            40,
            &["The list:\n\n- one\n- two\n  - nested one", "- - nested two\n- three\n- four"],
        ),
        // Numbers are written out, whatever the source counts.
        (
            "1. one one one one one one one one one one\n1. two two two two two two two two two two\n1. three",
            50,
            &[
                "1. one one one one one one one one one one",
                "2. two two two two two two two two two two",
                "3. three",
            ],
        ),
        // The middle of an item has no marker of its own: a space nobody sees says so.
        (
            "- first paragraph of an item\n\n  second paragraph of the same item\n\n- next",
            40,
            &["- first paragraph of an item", "- \u{200b} second paragraph of the same item", "- next"],
        ),
        (
            "Intro that is here\n- [x] done task\n- [ ] open task",
            30,
            &["Intro that is here", "- [x] done task", "- [ ] open task"],
        ),
    ]);
}

#[test]
fn quotes_keep_their_marks() {
    check(&[
        (
            "> quoted words that go on and on and on\n> - with a list in it\n> - and more of it",
            45,
            &["> quoted words that go on and on and on", "> - with a list in it\n> - and more of it"],
        ),
        (
            "> a quote of some words\nwith a lazy line. And one more.",
            30,
            &["> a quote of some words", "> with a lazy line.", "> And one more."],
        ),
    ]);
}

#[test]
fn code_is_closed_and_opened_again() {
    check(&[
        (
            "```rust\nlet a = 1;\nlet b = 2;\nlet c = 3;\nlet d = 4;\n```",
            40,
            &["```rust\nlet a = 1;\nlet b = 2;\n```", "```rust\nlet c = 3;\nlet d = 4;\n```"],
        ),
        (
            "Here:\n\n````md\n```\ncode\n```\nmore more more\n````",
            35,
            &["Here:\n\n````md\n```\ncode\n```\n````", "````md\nmore more more\n````"],
        ),
        (
            "- item:\n\n  ```sh\n  cargo build\n  cargo test\n  cargo run\n  ```\n- next",
            40,
            &[
                "- item:\n\n  ```sh\n  cargo build\n  ```",
                "- \u{200b} \n  ```sh\n  cargo test\n  ```",
                "- \u{200b} \n  ```sh\n  cargo run\n  ```\n- next",
            ],
        ),
        // As it streams: neither the closing fence nor a part of it has to be there.
        ("~~~py\nprint(1)\nprint(2)\n~~", 20, &["~~~py\nprint(1)\n~~~", "~~~py\nprint(2)\n~~~"]),
    ]);
}

#[test]
fn tables_repeat_their_heads() {
    check(&[
        (
            "| Name | Count |\n|:-----|------:|\n| one | 1 |\n| two | 2 |\n| three | 3 |\n| four | 4 |",
            70,
            &[
                "| Name | Count |\n| :-- | --: |\n| one | 1 |\n| two | 2 |\n| three | 3 |",
                "| Name | Count |\n| :-- | --: |\n| four | 4 |",
            ],
        ),
        // A row that fits nowhere is text, and so is its table.
        (
            "| a | b |\n|--|--|\n| a cell that is far too wide for any piece at all | x |\n| c | d |",
            40,
            &["a · b\n\na cell that is far too wide for", "any piece at all · x\n\nc · d"],
        ),
    ]);
}

#[test]
fn links_and_emphasis_stay_whole() {
    check(&[
        (
            "Words and [a link](https://example.com/path) and **bold words that stay** together.",
            45,
            &["Words and [a link](https://example.com/path)", "and **bold words that stay** together."],
        ),
        // What may still become a link, too.
        (
            "Words that come before [a link](https://exam",
            40,
            &["Words that come before", "[a link](https://exam"],
        ),
        ("Some words, and **bold that is not yet", 30, &["Some words, and", "**bold that is not yet"]),
        // One that fits nowhere is cut as the text it then is.
        (
            "**bold that is longer than any piece could ever be** rest",
            20,
            &["**bold that is", "longer than any", "piece could ever", "be** rest"],
        ),
        (
            "https://example.com/a/very/long/address/without/spaces/that/does/not/fit?x=1&y=2",
            30,
            &["https://example.com/a/very/", "long/address/without/spaces/", "that/does/not/fit?x=1&y=2"],
        ),
    ]);
}

#[test]
fn text_stays_text_where_it_comes_to_begin_a_line() {
    check(&[
        (
            "One two three. 2. is no list item here - nor # this a heading and 1986. neither",
            16,
            &[
                "One two three.",
                "2\\. is no list",
                "item here - nor",
                "\\# this a",
                "heading and",
                "1986\\. neither",
            ],
        ),
        (
            "a very long paragraph with\n    - an indented dash\n    # and hash lines that are text",
            30,
            &["a very long paragraph with", "\\- an indented dash", "\\# and hash lines that are", "text"],
        ),
        (
            "line one  \nline two\\\nline three is longer",
            20,
            &["line one  \nline two", "line three is longer"],
        ),
        (
            "Text\n\n<div>\n<p>raw html that is too long</p>\n</div>",
            40,
            &[
                "Text\n\n```html\n<div>\n```",
                "```html\n<p>raw html that is too long\n```",
                "```html\n</p>\n</div>\n```",
            ],
        ),
    ]);
}

#[test]
fn every_script_is_cut_where_it_may_be() {
    check(&[
        (
            "これは日本語の文章です。とても長いので、分ける必要があります。「引用文。」そして終わり。",
            20,
            &[
                "これは日本語の文章です。",
                "とても長いので、分ける必要があります。",
                "「引用文。」そして終わり。",
            ],
        ),
        (
            "한국어 문장입니다. 띄어쓰기가 있는 긴 문장을 나눕니다. 끝.",
            20,
            &["한국어 문장입니다.", "띄어쓰기가 있는 긴 문장을 나눕니다.", "끝."],
        ),
        (
            "هذه جملة عربية طويلة. وهذه جملة أخرى، وفيها علامات؟ نعم. انتهى النص.",
            30,
            &["هذه جملة عربية طويلة.", "وهذه جملة أخرى، وفيها علامات؟", "نعم. انتهى النص."],
        ),
        // Families, flags and skin tones are one character each.
        ("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦🇪🇺🇪🇺🇪🇺👍🏽👍🏽", 16, &["👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦", "🇪🇺🇪🇺🇪🇺👍🏽👍🏽"]),
        // Conjoining Jamo: three of them are a syllable.
        (
            "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}\u{1112}\u{1161}\u{11ab}",
            5,
            &["\u{1112}\u{1161}\u{11ab}", "\u{1100}\u{1173}\u{11af}", "\u{1112}\u{1161}\u{11ab}"],
        ),
        ("e\u{301}e\u{301}e\u{301}", 3, &["e\u{301}", "e\u{301}", "e\u{301}"]),
    ]);
}

#[test]
fn units_of_utf_16_are_not_halved() {
    let pieces = split("𝒳𝒴𝒵", 3, &|piece| piece.encode_utf16().count());
    assert_eq!(pieces, ["𝒳", "𝒴", "𝒵"]);
}

#[test]
fn one_character_over_the_limit_is_cut_between_its_marks() {
    let zalgo = format!("e{}", "\u{301}".repeat(10_000));
    let pieces = split(&zalgo, 100, &chars);
    assert!(pieces.iter().all(|piece| chars(piece) <= 100));
    assert_eq!(pieces.concat(), zalgo);
}

#[test]
fn no_limit_is_too_small_to_go_on() {
    check(&[("abc d", 0, &["a", "b", "c", "d"]), ("```\nabc\n```", 1, &["a", "b", "c"])]);
    let text = "# H\n\n> - [l](https://x.y)\n\n| a |\n|---|\n| b |\n\n---\n\n<div>";
    assert!(
        split(text, 0, &chars)
            .concat()
            .chars()
            .filter(|char| char.is_alphanumeric())
            .eq("Hlhttpsxyabdiv".chars())
    );
}

#[test]
fn definitions_are_seen_where_no_link_uses_them() {
    let pieces = split("text [r] and more text here\n\n[r]: https://r.example", 30, &chars);
    assert_eq!(pieces, ["text [r] and more text here", "[r]: <https://r.example>"]);
    assert_eq!(seen(&pieces[1]), "[r]:https://r.example");
}
