//! Text that would open a block where it comes to stand at the start of a line, and what to do about it.

use std::borrow::Cow;

/// More markers than this at the start of a line are text: parsers look at every open container on every line.
const MAX_MARKERS: usize = 64;

/// Line ends made one kind, and nesting bounded that would take a parser quadratic time.
pub(super) fn tame(markdown: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(markdown);
    if text.contains(['\r', '\0']) {
        text = Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}"));
    }
    if text.split('\n').any(|line| markers(line).is_some()) {
        let mut fenced = false;
        let lines = text.split('\n').map(|line| {
            let content = line.trim_start_matches(['>', ' ', '\t']);
            fenced ^= content.starts_with("```") || content.starts_with("~~~");
            match markers(line).filter(|_| !fenced) {
                Some(at) => format!("{}\\{}", &line[..at], &line[at..]),
                None => line.to_owned(),
            }
        });
        text = Cow::Owned(lines.collect::<Vec<_>>().join("\n"));
    }
    text
}

/// Where the first marker beyond the bound stands.
fn markers(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let (mut at, mut count) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let width = match byte {
            b' ' | b'\t' => {
                at += 1;
                continue;
            }
            b'>' => 1,
            b'-' | b'+' | b'*' if is_blank(bytes.get(at + 1)) => 1,
            b'0'..=b'9' => number(&line[at..])? + 1,
            _ => return None,
        };
        count += 1;
        if count > MAX_MARKERS {
            // A number's dot can be escaped, its digits cannot.
            return Some(at + width - 1);
        }
        at += width;
    }
    None
}

/// The text of a paragraph with backslashes where a line would be read as something else.
pub(super) fn guard(text: &str) -> Cow<'_, str> {
    let places = starters(text);
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + places.len());
    let mut done = 0;
    for place in places {
        out.push_str(&text[done..place]);
        out.push('\\');
        done = place;
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// Where [`guard`] puts its backslashes.
pub(super) fn starters(text: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    for line in text.split('\n') {
        places.extend(starter(line, &text[at..], at == 0).map(|column| at + column));
        at += line.len() + 1;
    }
    places
}

/// Where a line needs a backslash so that it does not open a block; `rest` is the text from it on.
fn starter(line: &str, rest: &str, is_first: bool) -> Option<usize> {
    let bytes = line.as_bytes();
    let run = |byte: u8| bytes.iter().take_while(|other| **other == byte).count();
    let only = |set: &str| line.chars().all(|char| set.contains(char));
    let opens = match bytes.first()? {
        b'#' => run(b'#') <= 6 && is_blank(bytes.get(run(b'#'))),
        b'>' => true,
        b'-' => is_blank(bytes.get(1)) || only("-|: \t"),
        b'+' => is_blank(bytes.get(1)),
        b'*' => is_blank(bytes.get(1)) || only("* \t"),
        b'_' => only("_ \t"),
        b'=' => only("= \t"),
        b'|' | b':' => only("-|: \t"),
        b'`' => run(b'`') >= 3 && !line[run(b'`')..].contains('`'),
        b'~' => run(b'~') >= 3,
        b'<' => !is_autolink(line),
        b'[' => is_first && rest.find(']').is_some_and(|end| rest[end..].starts_with("]:")),
        b'0'..=b'9' => return number(line).filter(|_| is_first || line.starts_with("1")),
        _ => false,
    };
    opens.then_some(0)
}

/// The digits of a list marker, counted.
fn number(line: &str) -> Option<usize> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let bytes = line.as_bytes();
    let is_marker =
        digits <= 9 && matches!(bytes.get(digits), Some(b'.' | b')')) && is_blank(bytes.get(digits + 1));
    is_marker.then_some(digits)
}

fn is_blank(byte: Option<&u8>) -> bool {
    matches!(byte, None | Some(b' ' | b'\t' | b'\n'))
}

/// Whether a line that begins with `<` begins with an address, or with one whose end is still to come.
fn is_autolink(line: &str) -> bool {
    let inner = line[1..].split('>').next().unwrap_or("");
    let is_closed = inner.len() + 1 < line.len();
    let is_address = inner.contains(':') || (is_closed && inner.contains('@'));
    is_address && !inner.contains([' ', '\t', '<', '"'])
}
