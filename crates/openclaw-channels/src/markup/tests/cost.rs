//! Hostile texts: what splitting costs, counted.

use std::cell::Cell;

use super::super::*;

const SMALL: usize = 1 << 14;

/// Bytes measured and bytes in pieces, at a limit of 1,024 units.
fn cost(text: &str) -> (usize, usize) {
    let measured = Cell::new(0);
    let pieces = split(text, 1024, &|piece| {
        measured.set(measured.get() + piece.len());
        piece.encode_utf16().count()
    });
    (measured.get(), pieces.iter().map(String::len).sum())
}

#[test]
fn splitting_measures_a_few_times_what_it_returns_however_much_that_is() {
    for ((name, small), (_, large)) in hostile(SMALL).into_iter().zip(hostile(SMALL * 4)) {
        let (few, little) = cost(&small);
        let (many, much) = cost(&large);
        assert!(
            many <= 100 * (large.len() + much),
            "{name}: {many} bytes measured for {} and {much}",
            large.len()
        );
        assert!(
            many <= 6 * few.max(small.len()),
            "{name}: {many} bytes measured for four times as much, not {few}"
        );
        assert!(much <= 8 * large.len(), "{name}: {much} bytes of pieces, {little} for a quarter");
    }
}

#[test]
fn a_mebibyte_is_split_and_rendered() {
    // Either would take hours were it quadratic.
    for pattern in ["[", "> "] {
        let text = pattern.repeat((1 << 20) / pattern.len());
        let pieces = split(&text, 4096, &|piece| piece.encode_utf16().count());
        assert!(pieces.iter().all(|piece| piece.encode_utf16().count() <= 4096), "{pattern}");
        assert!(render(&text, &telegram_html()).len() < 16 << 20, "{pattern}");
    }
}

#[test]
fn rendering_returns_a_few_times_the_text() {
    for (name, text) in hostile(SMALL) {
        let rendered = [
            render(&text, &telegram_html()),
            render(&text, &discord()),
            render(&text, &slack_mrkdwn()),
            render(&text, &html()),
            render(&text, &plain()),
            files(&text).0,
        ];
        for rendered in rendered {
            assert!(rendered.len() <= 24 * text.len(), "{name}: {} bytes of {}", rendered.len(), text.len());
        }
    }
}

fn hostile(size: usize) -> Vec<(&'static str, String)> {
    let repeat = |pattern: &str| pattern.repeat(size / pattern.len());
    vec![
        ("brackets", repeat("[")),
        ("stars", repeat("*")),
        ("open emphasis", repeat("*a ")),
        ("open code", repeat("a `")),
        ("backslashes", repeat("\\")),
        ("escapes", repeat("\\[")),
        ("closing brackets", format!("{}{}", "[".repeat(size / 2), "]".repeat(size / 2))),
        ("links that stay open", repeat("[a](")),
        ("images in images", repeat("![")),
        ("entities", repeat("&amp;")),
        ("HTML", repeat("<a")),
        ("comments", repeat("<!-- ")),
        ("HTML block", format!("<div>\n{}", repeat("<a>\n"))),
        ("nested quotes", repeat(">")),
        ("nested quotes, lazy lines", format!("{}a\n{}", ">".repeat(size / 2), "b\n".repeat(size / 4))),
        ("nested lists", repeat("- ")),
        (
            "nested lists by lines",
            (0..(size as f64).sqrt() as usize)
                .map(|depth| format!("{}- a\n", " ".repeat(depth * 2)))
                .collect(),
        ),
        ("tight list", repeat("- a\n")),
        ("numbers", repeat("1. a\n")),
        ("lines", repeat("a\n")),
        ("blank lines", repeat("\n")),
        ("one word", repeat("a")),
        ("words", repeat("word ")),
        ("ideographs", repeat("漢")),
        ("combining marks", format!("e{}", repeat("\u{301}"))),
        ("joined emoji", repeat("👩\u{200d}")),
        ("flags", repeat("🇪")),
        ("code", format!("```\n{}", repeat("let a = 1;\n"))),
        ("code in one line", format!("```\n{}", repeat("x"))),
        ("code of fences", format!("~~~~\n{}", repeat("```\n"))),
        ("long fence", repeat("`")),
        ("fences", repeat("```\n\n")),
        ("table", format!("|a|b|\n|-|-|\n{}", repeat("|x|y|\n"))),
        ("table with a long head", format!("|{}|b|\n|-|-|\n{}", "h".repeat(3900), repeat("|x|y|\n"))),
        (
            "wide table",
            format!("{}|\n{}|\n{}", "|a".repeat(size / 64), "|-".repeat(size / 64), repeat("|x|\n")),
        ),
        ("headings", repeat("# a\n")),
        ("definitions", repeat("[a]: b\n")),
        ("references", format!("[a]: b\n\n{}", repeat("[a] "))),
        ("colons", repeat("a:\n\n")),
    ]
}
