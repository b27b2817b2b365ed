//! The HTML comment behind a line of ours: which line it is, when, how important, and the records it comes from.
//!
//! ` <!-- oc1 ref=3f9a1c2b7d4e on=2026-03-20 importance=0.60 from=msg_user_01H…,mem_01H… by=b71c… check=5e1f02aa -->`

use std::{borrow::Cow, fmt::Write as _, ops::Range};

/// What the comment of this version begins with.
const OPEN: &str = "<!-- oc1 ";
/// What the comment of any version begins with, up to its number.
const ANY: &str = "<!-- oc";
const CLOSE: &str = "-->";

/// What a comment of ours says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// The line's reference: twelve hexadecimal digits.
    pub(super) reference: String,
    /// The day of its newest source, `YYYY-MM-DD` in UTC.
    pub(super) on: String,
    /// 0 to 100.
    pub(super) importance: u8,
    /// The records it comes from: ids of messages and of remembered entries.
    pub(super) from: Vec<String>,
    /// The reference of the line that took its place.
    pub(super) by: Option<String>,
}

/// The comment of ours on a line: the last that begins the line or stands behind white space. A comment in our lines' texts can't
/// be one, for the texts' `<` are escaped.
pub(super) fn find(line: &str) -> Option<Range<usize>> {
    let mut end = line.len();
    while let Some(at) = line.get(..end)?.rfind(ANY) {
        let begins = line.get(..at)?.chars().next_back().is_none_or(char::is_whitespace);
        let numbered = line.as_bytes().get(at + ANY.len()).is_some_and(u8::is_ascii_digit);
        if begins
            && numbered
            && let Some(len) = line.get(at..)?.find(CLOSE)
        {
            return Some(at..at + len + CLOSE.len());
        }
        end = at;
    }
    None
}

/// Reads a whole comment, with its check. `None`: another version's, or not as we write it.
pub(super) fn parse(comment: &str) -> Option<(Note, &str)> {
    let fields = comment.strip_prefix(OPEN)?.strip_suffix(CLOSE)?.strip_suffix(' ')?;
    let (mut note, mut check) = (Note::default(), None);
    for field in fields.split(' ') {
        match field.split_once('=')? {
            ("ref", value) => note.reference = value.to_owned(),
            ("on", value) => note.on = value.to_owned(),
            ("importance", value) => note.importance = percent(value)?,
            ("from", value) => note.from = ids(value),
            ("by", value) => note.by = Some(value.to_owned()),
            ("check", value) => check = Some(value),
            _ => return None,
        }
    }
    Some((note, check?))
}

/// What an importance of two decimals is in hundredths.
fn percent(value: &str) -> Option<u8> {
    let value: f32 = value.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    (0.0..=1.0).contains(&value).then(|| (value * 100.0).round() as u8)
}

fn ids(value: &str) -> Vec<String> {
    value.split(',').filter(|id| !id.is_empty()).map(|id| unescape(id).into_owned()).collect()
}

/// The fields as they are written, up to the check.
pub(super) fn fields(note: &Note) -> String {
    let mut out = format!(
        "ref={} on={} importance={}.{:02} from=",
        note.reference,
        note.on,
        note.importance / 100,
        note.importance % 100
    );
    for (index, id) in note.from.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        escape(id, &mut out);
    }
    if let Some(by) = &note.by {
        // Writing to a string can't fail.
        let _ = write!(out, " by={by}");
    }
    out
}

/// The whole comment.
pub(super) fn render(note: &Note, check: &str) -> String {
    format!("{OPEN}{} check={check} {CLOSE}", fields(note))
}

/// What a reader can take from a comment even when a person changed it: each value by its field's name, whatever version.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Loose<'a> {
    pub(super) reference: Option<&'a str>,
    pub(super) on: Option<&'a str>,
    pub(super) importance: Option<u8>,
    pub(super) from: Vec<String>,
    pub(super) by: Option<&'a str>,
}

/// Reads a comment of any version, as far as it can be read.
pub(super) fn loose(comment: &str) -> Loose<'_> {
    let mut found = Loose::default();
    for field in comment.trim_end_matches(CLOSE).split_whitespace() {
        match field.split_once('=') {
            Some(("ref", value)) => found.reference = Some(value),
            Some(("on", value)) => found.on = Some(value),
            Some(("importance", value)) => found.importance = percent(value),
            Some(("from", value)) => found.from.extend(ids(value)),
            Some(("by", value)) => found.by = Some(value),
            _ => {}
        }
    }
    found
}

/// Whether a byte of an id may stand in a comment as it is.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.' | b'@' | b'/' | b'+' | b'#' | b'~')
}

/// Writes an id so that it can neither end the comment nor look like another field: other bytes as `%XX`, a hyphen only between
/// plain bytes.
fn escape(id: &str, out: &mut String) {
    let bytes = id.as_bytes();
    for (at, byte) in bytes.iter().copied().enumerate() {
        let plain = |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied().is_some_and(is_plain);
        let hyphen = byte == b'-' && plain(at.checked_sub(1)) && plain(Some(at + 1));
        if is_plain(byte) || hyphen {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn unescape(id: &str) -> Cow<'_, str> {
    if !id.contains('%') {
        return Cow::Borrowed(id);
    }
    let bytes = id.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code = || u8::from_str_radix(id.get(at + 1..at + 3)?, 16).ok();
        match (byte == b'%').then(code).flatten() {
            Some(code) => {
                out.push(code);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(from: &[&str]) -> Note {
        Note {
            reference: "3f9a1c2b7d4e".to_owned(),
            on: "2026-03-20".to_owned(),
            importance: 60,
            from: from.iter().map(|&id| id.to_owned()).collect(),
            by: None,
        }
    }

    #[test]
    fn a_comment_reads_as_it_was_written() {
        let mut note = note(&["msg_user_01ARZ3NDEKTSV4RRFFQ69G5FAV", "mem_x", "telegram:1-7"]);
        note.by = Some("b71c00000000".to_owned());
        let comment = render(&note, "5e1f02aa");
        assert_eq!(
            comment,
            "<!-- oc1 ref=3f9a1c2b7d4e on=2026-03-20 importance=0.60 \
             from=msg_user_01ARZ3NDEKTSV4RRFFQ69G5FAV,mem_x,telegram:1-7 by=b71c00000000 check=5e1f02aa -->"
        );
        assert_eq!(parse(&comment), Some((note, "5e1f02aa")));
    }

    #[test]
    fn only_a_comment_of_ours_is_found() {
        for (line, found) in [
            ("- a <!-- oc1 ref=x -->", Some(4..22)),
            ("- a <!-- oc1 ref=x --> <!-- mine -->", Some(4..22)),
            ("<!-- oc2 new -->", Some(0..16)),
            (r"- a \<!-- oc1 ref=x -->", None),
            ("- a <!-- ocean -->", None),
            ("- a <!-- oc1 ref=x", None),
            ("- a", None),
        ] {
            assert_eq!(find(line), found, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_id_breaks_out_of_its_comment(ids in proptest::collection::vec("[!-~]{1,40}", 1..5)) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let note = note(&ids);
            let comment = render(&note, "00000000");
            let line = format!("- text {comment}");
            prop_assert_eq!(find(&line), Some(7..line.len()));
            prop_assert_eq!(comment.matches("--").count(), 2, "{}", comment);
            prop_assert_eq!(comment.matches('>').count(), 1);
            prop_assert_eq!(parse(&comment), Some((note.clone(), "00000000")));
            prop_assert_eq!(loose(&comment).from, note.from);
        }

        #[test]
        fn any_comment_is_read_without_harm(comment in "(<!-- oc1 )?[ -~%]{0,60}( -->)?") {
            let _ = (find(&comment), parse(&comment), loose(&comment));
        }
    }
}
