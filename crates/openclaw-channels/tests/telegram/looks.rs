//! How answers look: whatever a model writes, Telegram takes it.

use openclaw_channels::markup::{render, split, telegram_html};
use openclaw_platforms::telegram::read_html;
use openclaw_testkit::AgentScript;
use proptest::prelude::*;

use crate::support::{World, anna};

fn units(piece: &str) -> usize {
    render(piece, &telegram_html()).encode_utf16().count()
}

fn markdown() -> impl Strategy<Value = String> {
    let words = [
        "word",
        "😀",
        "**",
        "*",
        "_",
        "`",
        "```",
        "```rust\n",
        "~~",
        "[",
        "](https://x.org/?a=\"1\"&b)",
        "<b>",
        "</b>",
        "<script>",
        "&amp;",
        "&",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "> ",
        "# ",
        "| a | b |\n|---|---|\n| c | d |\n",
        "\\",
        "e\u{301}",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..60)
        .prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_piece_is_html_that_telegram_reads(text in markdown(), limit in 40_usize..400) {
        for piece in split(&text, limit, &units) {
            let html = render(&piece, &telegram_html());
            let read = read_html(&html);
            prop_assert!(read.is_ok(), "{read:?} of {html:?}");
            prop_assert!(!read.unwrap().trim().is_empty(), "{html:?} shows nothing");
            prop_assert!(html.encode_utf16().count() <= limit, "{html:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn markdown_becomes_telegram_s_own_in_several_messages() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    let code = format!("```rust\n{}```", "let x = a < b && c > d;\n".repeat(300));
    let reply = format!(
        "# Title\n\n**Bold** and `code` with a [link](https://example.org/a?b=1&c=2).\n\n{code}\n\nThe end."
    );
    world.agent.always(AgentScript { reply: Some(reply), tokens: 1, ..AgentScript::default() });
    world.telegram.say(chat, &anna(), "show me");
    let sent =
        world.until_sent(chat, |sent| sent.last().is_some_and(|sent| sent.text.ends_with("The end."))).await;
    assert!((2..=4).contains(&sent.len()), "{} messages", sent.len());
    assert!(sent.iter().all(|sent| sent.parse_mode == "HTML" && sent.source.encode_utf16().count() <= 4096));
    let kinds: Vec<&str> = sent[0].entities.iter().filter_map(|entity| entity["type"].as_str()).collect();
    assert_eq!(kinds, ["bold", "bold", "code", "text_link", "pre"]);
    assert!(sent[1].entities.iter().any(|entity| entity["language"] == "rust"), "{:?}", sent[1].entities);
}
