//! What a model wrote, for people to read: whatever it is, it is split at the limit and rendered, and elements are balanced.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_channels::markup::{Rules, discord, files, html, plain, render, slack_mrkdwn, split, telegram_html};

fuzz_target!(|input: (u8, &str)| {
    let (limit, text) = (usize::from(input.0) + 12, input.1);
    pieces(text, limit, &|piece| piece.chars().count());
    pieces(text, limit, &|piece| render(piece, &plain()).encode_utf16().count());
    pieces(text, 4 * limit, &|piece| piece.len());
    balanced(text, &telegram_html());
    balanced(text, &html());
    render(text, &discord());
    render(text, &slack_mrkdwn());
    files(text);
});

fn pieces(text: &str, limit: usize, measure: &dyn Fn(&str) -> usize) {
    for piece in split(text, limit, measure) {
        assert!(measure(&piece) <= limit, "{piece:?} is over {limit}");
        assert!(!piece.trim().is_empty());
    }
}

fn balanced(text: &str, rules: &impl Rules) {
    let html = render(text, rules);
    let mut open = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, rest) = tag.split_once('>').expect("an element ends");
        assert!(!rest.contains('>'), "a bare > in {html:?}");
        let name = tag.split(' ').next().unwrap_or("");
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{html:?}"),
            None if ["br", "hr"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{html:?}");
}
