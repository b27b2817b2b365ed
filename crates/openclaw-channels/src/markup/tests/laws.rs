//! What holds for every text.

use proptest::prelude::*;

use super::{balance, chars, seen, *};

/// Pieces of Markdown in any order: what models write while they stream, and what nobody should.
fn hostile() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a",
        "word ",
        "Two words. ",
        "漢字",
        "。",
        "👩‍👩‍👧‍👦",
        "e\u{301}\u{302}",
        "한국어",
        "\u{1112}\u{1161}\u{11ab}",
        "مرحبا ",
        "\n",
        "\n\n",
        " ",
        "  \n",
        "\\\n",
        "\t",
        "    ",
        "*",
        "**",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "```",
        "```rust\n",
        "~~~\n",
        "> ",
        ">",
        "- ",
        "+ ",
        "1. ",
        "7) ",
        "# ",
        "### ",
        "---",
        "===",
        "| ",
        "|",
        "|-|-|\n",
        "| a | b |\n|---|:-:|\n",
        "[",
        "]",
        "](",
        "(",
        ")",
        "[x](https://e.example)",
        "![i](https://e.example/i.png)",
        "<https://e.example>",
        "<div>",
        "</b>",
        "<!-- ",
        "-->",
        "&",
        "\\",
        "!",
        "[r]: https://r.example\n",
        "[r]",
        "[ ] ",
        "[x] ",
        "http://u.example/a_b ",
        ":",
        "\r\n",
        "\u{200b}",
        "\u{a0}",
        "0123456789",
    ]);
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

fn paragraph() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "plain",
        "words",
        "**bold words**",
        "*it*",
        "`code span`",
        "[a link](https://e.example/x)",
        "漢字仮名",
        "한국어",
        "👩‍👩‍👧‍👦",
        "snake_case",
        "end.",
        "مرحبا",
        "~~no~~",
        "<https://auto.example>",
        "5",
        "日本語。",
    ]);
    prop::collection::vec(word, 1..30).prop_map(|words| words.join(" "))
}

/// Well-formed documents.
fn document() -> impl Strategy<Value = String> {
    let line = "[a-z(){};]{1,30}";
    let list = |marker: &'static str| {
        prop::collection::vec(paragraph(), 1..6).prop_map(move |items| {
            items.iter().map(|item| format!("{marker}{item}")).collect::<Vec<_>>().join("\n")
        })
    };
    let block = prop_oneof![
        3 => paragraph(),
        1 => paragraph().prop_map(|text| format!("## {text}")),
        1 => list("- "),
        1 => list("1. "),
        1 => list("> "),
        1 => (list("  - "), paragraph()).prop_map(|(list, text)| format!("- {text}\n{list}")),
        1 => prop::collection::vec(line, 1..20).prop_map(|lines| format!("```rust\n{}\n```", lines.join("\n"))),
    ];
    prop::collection::vec(block, 1..5).prop_map(|blocks| blocks.join("\n\n"))
}

fn is_part(part: &str, whole: &str) -> bool {
    let mut whole = whole.chars();
    // Numbers of items go where the limit is too small for the item.
    part.chars().filter(|char| char.is_alphabetic()).all(|char| whole.any(|other| other == char))
}

/// More of them with `PROPTEST_CASES`.
fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(96, |_| ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn pieces_keep_the_limit_and_lose_nothing(text in hostile(), limit in 12usize..80) {
        // The target of a reference is seen where the reference is, or where it is defined if that is another piece.
        let text = text.replace("[r]:", "[r]");
        for measure in [&chars as &dyn Fn(&str) -> usize, &|piece| chars(&render(piece, &plain()))] {
            let pieces = split(&text, limit, measure);
            for piece in &pieces {
                prop_assert!(measure(piece) <= limit, "{piece:?} is over {limit}");
                prop_assert!(!piece.trim().is_empty());
            }
            let all: String = pieces.iter().map(|piece| seen(piece)).collect();
            prop_assert!(is_part(&seen(&text), &all), "{text:?}\n{pieces:?}");
        }
    }

    #[test]
    fn documents_are_seen_whole(text in document(), limit in 60usize..400) {
        let measure = |piece: &str| chars(&render(piece, &plain()));
        let pieces = split(&text, limit, &measure);
        let all: String = pieces.iter().map(|piece| seen(piece)).collect();
        prop_assert_eq!(seen(&text), all, "{:?}", pieces);
        prop_assert!(pieces.iter().all(|piece| measure(piece) <= limit));
    }

    #[test]
    fn pieces_with_one_behind_them_stay(text in document(), limit in 60usize..200) {
        let mut before: Vec<String> = Vec::new();
        for (end, _) in text.char_indices().skip(1).step_by(7) {
            let pieces = split(&text[..end], limit, &chars);
            let kept = before.len().saturating_sub(1);
            prop_assert_eq!(&before[..kept], pieces.get(..kept).unwrap_or(&[]), "at {}", end);
            before = pieces;
        }
    }

    #[test]
    fn plain_words_stay_whatever_is_measured(text in "([a-zäß漢字]{1,12}[ .,\n]{0,2}){0,60}", limit in 30usize..120) {
        let all = split(&text, limit, &telegram_units);
        for (end, _) in text.char_indices().step_by(5) {
            let pieces = split(&text[..end], limit, &telegram_units);
            let kept = pieces.len().saturating_sub(1);
            prop_assert_eq!(&pieces[..kept], all.get(..kept).unwrap_or(&[]));
        }
    }

    #[test]
    fn html_is_balanced(text in hostile()) {
        prop_assert_eq!(balance::telegram(&render(&text, &telegram_html())), Ok(()));
        prop_assert_eq!(balance::matrix(&render(&text, &html())), Ok(()));
    }

    #[test]
    fn no_markup_loses_text(text in hostile()) {
        let whole = seen(&text);
        prop_assert!(is_part(&whole, &render(&text, &discord())));
        // Its links name the target first.
        let count = |text: &str| text.chars().filter(|char| char.is_alphanumeric()).count();
        prop_assert!(count(&whole) <= count(&render(&text, &slack_mrkdwn())));
        prop_assert!(count(&whole) <= count(&render(&text, &telegram_html())));
    }
}
