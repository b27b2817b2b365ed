//! Text of messages: HTML without its elements, replies without what they quote, words without the mention of us.

/// What HTML says, for clients that show none: the HTML of our own answers, not anybody's.
pub(super) fn plain(html: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(html.len()), html);
    let mut lists: Vec<Option<u64>> = Vec::new();
    let mut target = String::new();
    let mut quotes = 0;
    while let Some(at) = rest.find('<') {
        write(&mut out, &rest[..at], quotes);
        let Some(end) = rest[at..].find('>') else { break };
        let tag = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        let name = tag.split(' ').next().unwrap_or_default();
        match name {
            "br" | "/tr" => out.push('\n'),
            "/th" | "/td" => out.push('\t'),
            "hr" => write(&mut out, "\n———\n", 0),
            "ul" => lists.push(None),
            "ol" => lists.push(attribute(tag, "start").and_then(|start| start.parse().ok()).or(Some(1))),
            "/ul" | "/ol" => {
                lists.pop();
            }
            "blockquote" => quotes += 1,
            "/blockquote" => quotes = usize::saturating_sub(quotes, 1),
            "a" => target = attribute(tag, "href").map(unescape).unwrap_or_default(),
            "/a" if !target.is_empty() && !out.ends_with(&target) => out.push_str(&format!(" ({target})")),
            _ => {}
        }
        match name {
            // The mark of an item is on the line already.
            "p" | "pre" | "table" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if opens_block(&out) => {
                end_line(&mut out);
                out.push_str(if lists.is_empty() { "\n" } else { "" });
            }
            "ul" | "ol" | "li" | "blockquote" if !out.is_empty() => end_line(&mut out),
            _ => {}
        }
        if name == "li" {
            let depth = lists.len().saturating_sub(1);
            out.push_str(&"  ".repeat(depth));
            match lists.last_mut() {
                Some(Some(number)) => {
                    out.push_str(&format!("{number}. "));
                    *number += 1;
                }
                _ => out.push_str("- "),
            }
        }
    }
    write(&mut out, rest, quotes);
    out.trim().to_owned()
}

fn opens_block(out: &str) -> bool {
    !out.is_empty() && !out.ends_with("- ") && !out.ends_with(". ")
}

fn end_line(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn write(out: &mut String, text: &str, quotes: usize) {
    if quotes > 0 && !text.is_empty() && (out.is_empty() || out.ends_with('\n')) {
        out.push_str(&"> ".repeat(quotes));
    }
    out.push_str(&unescape(text));
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// A reply's own words: older clients put what is replied to before them, each line behind a `>`.
pub(super) fn without_fallback(body: &str) -> &str {
    if !body.starts_with("> <") && !body.starts_with("> * <") {
        return body;
    }
    let mut rest = body;
    while rest.starts_with('>') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.strip_prefix('\n').unwrap_or(rest)
}

/// Where one of `names` stands in `text` as a word of its own.
pub(super) fn find_name(text: &str, names: &[String]) -> Option<(usize, usize)> {
    names.iter().filter(|name| !name.is_empty()).find_map(|name| {
        text.match_indices(name.as_str()).map(|(at, name)| (at, at + name.len())).find(|(begin, end)| {
            let before = text[..*begin].chars().next_back();
            let after = text[*end..].chars().next();
            let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@');
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    })
}

/// Whether `text` begins by calling one of `names`: `Claw, …`, `claw: …`, `@claw …`. Returns what follows.
fn called<'a>(text: &'a str, names: &[String]) -> Option<&'a str> {
    let text = text.trim_start();
    let (_, end) = find_name(text, names).filter(|(begin, _)| *begin == 0)?;
    let after = &text[end..];
    (text.starts_with('@') || after.starts_with([':', ','])).then_some(after)
}

pub(super) fn is_called(text: &str, names: &[String]) -> bool {
    called(text, names).is_some()
}

/// `text` without the mention of one of `names`: `Claw: what now` says "what now". A name without a mark is left where it is, but
/// at the head: it may be what the sentence is about.
pub(super) fn without_name(text: &str, names: &[String]) -> String {
    if let Some(after) = called(text, names) {
        return after.trim_start_matches([' ', ',', ':']).trim_end().to_owned();
    }
    let marked = names.iter().filter(|name| name.starts_with('@')).cloned().collect::<Vec<_>>();
    match find_name(text, &marked) {
        Some((begin, end)) => {
            format!("{}{}", text[..begin].trim_end_matches(' '), &text[end..]).trim().to_owned()
        }
        None => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::markup;

    #[test]
    fn html_reads_as_text() {
        let cases = [
            ("Hello **you** & <me>", "Hello you & <me>"),
            ("one\n\ntwo", "one\n\ntwo"),
            ("- a\n- b\n  - c", "- a\n- b\n  - c"),
            ("3. a\n4. b", "3. a\n4. b"),
            ("see [this](https://example.org/?a=1&b=2)", "see this (https://example.org/?a=1&b=2)"),
            ("<https://example.org>", "https://example.org"),
            ("# Head\n\ntext", "Head\n\ntext"),
            ("```rust\nlet a = 1 < 2;\n```", "let a = 1 < 2;"),
            ("> quoted\n\nthen", "> quoted\n\nthen"),
            ("&amp;lt; is text", "&lt; is text"),
        ];
        for (markdown, expected) in cases {
            let html = markup::render(markdown, &markup::html());
            assert_eq!(plain(&html), expected, "{markdown} → {html}");
        }
    }

    #[test]
    fn a_reply_says_its_own_words() {
        let cases = [
            ("> <@bo:x> earlier\n> more\n\nmine", "mine"),
            ("> * <@bo:x> waves\n\nmine\n\n> and a quote", "mine\n\n> and a quote"),
            ("> a quote of my own\n\nmine", "> a quote of my own\n\nmine"),
            ("> <@bo:x> earlier", ""),
            ("", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(without_fallback(body), expected);
        }
    }

    #[test]
    fn the_mention_is_taken_out() {
        let names = ["@claw:x.org".to_owned(), "Claw Bot".to_owned(), "@claw".to_owned()];
        let cases = [
            ("Claw Bot: what now", "what now"),
            ("hey @claw:x.org, what now", "hey, what now"),
            ("@claw what now", "what now"),
            ("@clawing", "@clawing"),
            ("what does Claw Bot mean", "what does Claw Bot mean"),
            ("Claw Bot is a name", "Claw Bot is a name"),
            ("nobody", "nobody"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_name(text, &names), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[<>a \"=/&;\nliolp]{0,40}", name in ".{0,4}") {
            let _ = (plain(&text), without_fallback(&text), without_name(&text, &[name]));
        }
    }
}
