//! What a Markdown file says, piece by piece, for the index: each list item, paragraph, heading and block of code, with what our
//! comments tell of it.

use std::{borrow::Cow, iter::Peekable};

use openclaw_core::Timestamp;

use super::{comment, line, markup};

/// One list item, paragraph, heading or block of code of a Markdown file.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The line it begins on, counted from 1.
    pub line: usize,
    /// What it says: without bullets, comments, escapes and the strokes of a struck line; lines are parted by `\n`. Not empty.
    pub text: String,
    /// The day of its newest source, at midnight UTC; `None` for what a person wrote.
    pub date: Option<Timestamp>,
    /// 0 to 1, where it is known.
    pub importance: Option<f32>,
    /// Whether it is struck: something newer took its place.
    pub struck: bool,
    /// Ids of the messages and remembered entries that it cites.
    pub citations: Vec<String>,
    /// Our reference of the line.
    pub reference: Option<String>,
    /// A line of ours that a person changed. Known only of a file's own passages, not of any Markdown's.
    pub edited: bool,
}

/// The passages of a file below the directory of the Markdown: a line of ours is known by the file it was written to. What a person
/// changed is of no day, for the day of its sources is not that of the change.
pub(crate) fn passages_of<'a>(file: &'a str, markdown: &'a str) -> impl Iterator<Item = Passage> + 'a {
    let mut lines = lines(markdown);
    passages(markdown).map(move |mut passage| {
        passage.judge(file, lines.find(|(_, number)| *number == passage.line));
        passage
    })
}

/// The passage of a file that begins on a line.
pub(crate) fn passage_of(file: &str, markdown: &str, line: usize) -> Option<Passage> {
    let mut passage = passages(markdown).find(|passage| passage.line == line)?;
    passage.judge(file, lines(markdown).find(|(_, number)| *number == line));
    Some(passage)
}

fn lines(markdown: &str) -> impl Iterator<Item = (&str, usize)> + '_ {
    let text = markdown.strip_prefix('\u{feff}').unwrap_or(markdown);
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).zip(1..)
}

impl Passage {
    /// Whether a person changed it, by the line it begins on: what is still ours stands on one.
    fn judge(&mut self, file: &str, begins: Option<(&str, usize)>) {
        let is_ours = |(line, _): (&str, usize)| line::parse(file, line).is_some();
        if !self.citations.is_empty() && !begins.is_some_and(is_ours) {
            (self.edited, self.date) = (true, None);
        }
    }
}

/// The passages of a Markdown file, in order. Anything is Markdown, so nothing fails.
pub fn passages(markdown: &str) -> impl Iterator<Item = Passage> + '_ {
    let mut lines = lines(markdown).peekable();
    let mut in_comment = false;
    std::iter::from_fn(move || {
        loop {
            let passage = next(&mut lines, &mut in_comment)?;
            if !passage.text.is_empty() {
                return Some(passage);
            }
        }
    })
}

/// What a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins<'a> {
    Nothing,
    /// A fence, and what it is made of.
    Fence(char, usize),
    Heading(&'a str),
    Item(&'a str),
    Text(&'a str),
}

fn begins(line: &str) -> Begins<'_> {
    let text = line.trim_start();
    if text.is_empty() {
        return Begins::Nothing;
    }
    for mark in ['`', '~'] {
        let len = text.len() - text.trim_start_matches(mark).len();
        if len >= 3 {
            return Begins::Fence(mark, len);
        }
    }
    let hashes = text.len() - text.trim_start_matches('#').len();
    if (1..=6).contains(&hashes)
        && let Some(rest) = text.get(hashes..).filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    {
        return Begins::Heading(rest.trim().trim_end_matches('#').trim_end());
    }
    if is_rule(text) {
        return Begins::Nothing;
    }
    item(text).map_or(Begins::Text(text), Begins::Item)
}

/// Whether a line begins nothing of its own, so that it goes on with what is before it.
pub(super) fn is_plain(line: &str) -> bool {
    matches!(begins(line), Begins::Text(text) if !text.starts_with('>'))
}

/// Whether a line is a rule, or underlines a heading.
fn is_rule(text: &str) -> bool {
    let mut marks = text.chars().filter(|c| !c.is_whitespace());
    let first = marks.next().unwrap_or_default();
    matches!(first, '-' | '*' | '_' | '=') && text.trim_end().len() >= 3 && marks.all(|c| c == first)
}

/// What stands behind a bullet or number, and a check box.
pub(super) fn item(text: &str) -> Option<&str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = match digits {
        0 => text.strip_prefix(['-', '*', '+'])?,
        1..=9 => text.get(digits..)?.strip_prefix(['.', ')'])?,
        _ => return None,
    };
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix([' ', '\t'])? };
    let rest = rest.trim_start();
    let unboxed = ["[ ] ", "[x] ", "[X] "].iter().find_map(|check| rest.strip_prefix(check));
    Some(unboxed.unwrap_or(rest))
}

fn next<'a>(
    lines: &mut Peekable<impl Iterator<Item = (&'a str, usize)>>,
    in_comment: &mut bool,
) -> Option<Passage> {
    let (first, number) = lines.next()?;
    let mut made = Making::new(number);
    match begins(first) {
        Begins::Nothing => {}
        Begins::Fence(mark, len) => {
            for (line, _) in lines.by_ref() {
                let inner = line.trim();
                if inner.len() >= len && inner.chars().all(|c| c == mark) {
                    break;
                }
                made.push_raw(line);
            }
        }
        Begins::Heading(text) => made.push(text, in_comment),
        Begins::Item(text) | Begins::Text(text) => {
            made.push(text, in_comment);
            // A paragraph goes on until a line begins something else.
            while let Some((line, _)) = lines.peek() {
                let Begins::Text(text) = begins(line) else { break };
                made.push(text, in_comment);
                lines.next();
            }
        }
    }
    Some(made.done())
}

/// A passage under way.
struct Making {
    passage: Passage,
}

impl Making {
    fn new(line: usize) -> Self {
        let text = String::new();
        let passage = Passage {
            line,
            text,
            date: None,
            importance: None,
            struck: false,
            citations: Vec::new(),
            reference: None,
            edited: false,
        };
        Self { passage }
    }

    /// A line of Markdown.
    fn push(&mut self, line: &str, in_comment: &mut bool) {
        let mut rest = line;
        if let Some(found) = comment::find(line).filter(|_| !*in_comment) {
            self.note(&line[found.clone()]);
            rest = &line[..found.start];
            self.push_text(rest, in_comment);
            rest = &line[found.end..];
        }
        self.push_text(rest, in_comment);
    }

    fn note(&mut self, comment: &str) {
        let found = comment::loose(comment);
        let passage = &mut self.passage;
        passage.citations.extend(found.from);
        passage.date = passage.date.max(found.on.and_then(|on| on.parse().ok()));
        let importance = found.importance.map(|percent| f32::from(percent) / 100.0);
        passage.importance = match (passage.importance, importance) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        passage.struck |= found.by.is_some();
        if let Some(reference) = found.reference {
            passage.reference.get_or_insert_with(|| reference.to_owned());
        }
    }

    /// A piece of a line, without the comments in it.
    fn push_text(&mut self, piece: &str, in_comment: &mut bool) {
        let mut shown = String::new();
        let mut rest = piece;
        loop {
            if *in_comment {
                let Some((_, after)) = rest.split_once("-->") else { break };
                (*in_comment, rest) = (false, after);
            }
            match rest.match_indices("<!--").find(|(at, _)| !rest[..*at].ends_with('\\')) {
                Some((at, mark)) => {
                    shown.push_str(&rest[..at]);
                    (*in_comment, rest) = (true, &rest[at + mark.len()..]);
                }
                None => {
                    shown.push_str(rest);
                    break;
                }
            }
        }
        let shown = shown.trim();
        let (shown, struck) = unstrike(shown);
        self.passage.struck |= struck;
        self.push_raw(markup::unescape(shown.trim()).as_ref());
    }

    fn push_raw(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let text = &mut self.passage.text;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    }

    fn done(mut self) -> Passage {
        if let Cow::Owned(trimmed) = trimmed(&self.passage.text) {
            self.passage.text = trimmed;
        }
        self.passage
    }
}

fn trimmed(text: &str) -> Cow<'_, str> {
    let inner = text.trim();
    if inner.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(inner.to_owned()) }
}

/// What is struck, without the strokes and without the name of what took its place; and whether anything is.
fn unstrike(text: &str) -> (&str, bool) {
    markup::struck(text)
        .filter(|(_, after)| after.is_empty() || after.starts_with(" → "))
        .map_or((text, false), |(struck, _)| (struck, true))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(markdown: &str) -> Vec<(usize, String)> {
        passages(markdown).map(|passage| (passage.line, passage.text)).collect()
    }

    #[test]
    fn our_lines_tell_all_of_themselves() {
        let file = "# 偏好\n\n- 我喜歡 \\*烏龍茶\\*。 <!-- oc1 ref=3f9a1c2b7d4e on=2026-03-20 importance=0.60 \
                    from=msg_user_1,tg:%2D%2D%3E check=5e1f02aa -->\n\
                    - ~~I drink tea.~~ → I drink coffee. <!-- oc1 ref=a on=2026-03-21 importance=1.00 from=m by=b check=c -->\n\
                    - [x] 買牛奶 <!-- oc1 ref=b on=bad importance=9 from= check=c -->\n";
        let found: Vec<_> = passages(file).collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(found[0].text, "偏好");
        let line = &found[1];
        assert_eq!((line.line, line.text.as_str(), line.struck), (3, "我喜歡 *烏龍茶*。", false));
        assert_eq!(line.citations, ["msg_user_1", "tg:-->"]);
        assert_eq!(line.date, "2026-03-20".parse().ok());
        assert_eq!(line.importance, Some(0.6));
        assert_eq!(line.reference.as_deref(), Some("3f9a1c2b7d4e"));
        assert_eq!((found[2].text.as_str(), found[2].struck), ("I drink tea.", true));
        assert_eq!((found[3].text.as_str(), found[3].date, found[3].importance), ("買牛奶", None, None));
        assert!(found[3].citations.is_empty());
    }

    #[test]
    fn people_write_what_they_like() {
        let file = "\u{feff}Title\r\n=====\r\n\r\nA paragraph\r\nof two lines. <!-- a\r\nsecret --> End.\r\n* one\r\n  more of one\r\n\
                    2) two ~~not~~ struck\r\n\r\n```sh\r\n- code # x\r\n\r\nmore\r\n```\r\n---\r\n> quoted";
        assert_eq!(
            texts(file),
            [
                (1, "Title"),
                (4, "A paragraph\nof two lines.\nEnd."),
                (7, "one\nmore of one"),
                (9, "two ~~not~~ struck"),
                (11, "- code # x\nmore"),
                (17, "> quoted"),
            ]
            .map(|(line, text)| (line, text.to_owned()))
        );
    }

    #[test]
    fn nothing_is_no_passage() {
        for file in ["", "\n\n", "- \n*\n#\n---\n", "<!-- only\nthis -->", "```\n```", "- <!-- oc1 ref=a -->"]
        {
            assert!(texts(file).is_empty(), "{file:?}: {:?}", texts(file));
        }
        assert_eq!(texts("```\nnever closed"), [(1, "never closed".to_owned())]);
    }

    proptest! {
        #[test]
        fn any_text_has_passages_in_order(file in "([-*#>`~ a語]{0,8}(<!-- oc1 from=m -->|<!--|-->|\\\\)?\r?\n){0,12}") {
            let lines: Vec<usize> = passages(&file).map(|passage| passage.line).collect();
            prop_assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(lines.iter().all(|line| *line <= file.lines().count().max(1)));
        }
    }
}
