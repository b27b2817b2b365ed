//! Text and Markdown: foreign text on one line that can't be taken for structure, and back.

use std::borrow::Cow;

/// Whether a character shows nothing and may mislead: controls, direction marks, zero widths but the joiners that scripts and
/// emoji need, invisible operators, tags, variation selectors beyond the emoji's.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text on one line: white space and controls are single spaces, what is invisible is gone, what goes past `max` characters is
/// cut and marked by `…`.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max.saturating_mul(4)));
    let (mut count, mut gap) = (0_usize, false);
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            gap = true;
            continue;
        }
        if is_hidden(c) {
            continue;
        }
        let needed = 1 + usize::from(gap && !out.is_empty());
        if count + needed > max {
            while count + 1 > max && out.pop().is_some() {
                count -= 1;
            }
            out.truncate(out.trim_end().len());
            out.push('…');
            break;
        }
        if needed == 2 {
            out.push(' ');
        }
        gap = false;
        out.push(c);
        count += needed;
    }
    out
}

/// Writes a text of one line as Markdown that shows exactly this text, at the beginning of a list item.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        let next = bytes.get(at + c.len_utf8()).copied();
        let special = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '~' => true,
            '_' => {
                let before = text.get(..at).and_then(|before| before.chars().next_back());
                let after = text.get(at + 1..).and_then(|after| after.chars().next());
                !(before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric))
            }
            '>' => at == 0 || text.get(..at).is_some_and(|before| before.ends_with('-')),
            '#' | '+' | '-' | '=' | '|' => at == 0,
            '.' | ')' => {
                at > 0
                    && bytes.iter().take(at).all(u8::is_ascii_digit)
                    && next.is_none_or(|next| next == b' ')
            }
            '&' => is_entity(text.get(at + 1..).unwrap_or_default()),
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether what stands behind an ampersand makes it a character reference.
fn is_entity(rest: &str) -> bool {
    let name = rest.split(';').next().unwrap_or_default();
    name.len() < rest.len()
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#')
}

/// What stands between `~~` and `~~` at the beginning of escaped Markdown, and what follows.
pub(super) fn struck(markdown: &str) -> Option<(&str, &str)> {
    let rest = markdown.strip_prefix("~~")?;
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        if !escaped && c == '~' && rest.get(at..)?.starts_with("~~") {
            return Some((rest.get(..at)?, rest.get(at + 2..)?));
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// The text that escaped Markdown shows: backslashes before punctuation go.
pub(super) fn unescape(markdown: &str) -> Cow<'_, str> {
    if !markdown.contains('\\') {
        return Cow::Borrowed(markdown);
    }
    let mut out = String::with_capacity(markdown.len());
    let mut chars = markdown.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && next.is_ascii_punctuation() => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_is_one_line() {
        for (text, line) in [
            ("  a\r\n\tb\u{2028}c  ", "a b c"),
            ("a\u{202e}b\u{0}c\u{feff}\u{e0041}", "ab c"),
            ("👨\u{200d}👩\u{200d}👧", "👨\u{200d}👩\u{200d}👧"),
            ("", ""),
        ] {
            assert_eq!(one_line(text, 50), line, "{text:?}");
        }
        assert_eq!(one_line("abc def", 7), "abc def");
        assert_eq!(one_line("abc defg", 7), "abc de…");
        assert_eq!(one_line("abcd efg", 6), "abcd…");
    }

    #[test]
    fn structure_is_shown_not_made() {
        for (text, markdown) in [
            (
                "plain text, snake_case, https://a.b/c_d?e=f-g",
                "plain text, snake_case, https://a.b/c_d?e=f-g",
            ),
            ("# not a heading", r"\# not a heading"),
            ("1. not a list", r"1\. not a list"),
            ("3.5 stars", "3.5 stars"),
            ("<!-- oc1 ref=x -->", r"\<!-- oc1 ref=x --\>"),
            ("~~gone~~ `code` *bold* _it_", r"\~\~gone\~\~ \`code\` \*bold\* \_it\_"),
            ("[ ] task", r"\[ \] task"),
            ("R&D &lt; x", r"R&D \&lt; x"),
            ("喜歡 > 討厭", "喜歡 > 討厭"),
        ] {
            assert_eq!(escape(text), markdown);
        }
    }

    proptest! {
        #[test]
        fn escaped_text_reads_as_it_was(text in "\\PC{0,60}") {
            let text = one_line(&text, 60);
            let markdown = escape(&text);
            prop_assert_eq!(unescape(&markdown).into_owned(), text);
            prop_assert!(!markdown.replace("\\<", "").contains('<'));
        }

        #[test]
        fn a_line_is_no_longer_than_asked_and_stays_itself(text in "(?s).{0,80}", max in 1_usize..40) {
            let line = one_line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.contains(|c: char| c.is_control()));
            prop_assert_eq!(&one_line(&line, max), &line);
        }
    }
}
