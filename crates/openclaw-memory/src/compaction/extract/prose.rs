//! A message's own prose, sentence by sentence: no code, no logs, nothing quoted.

use crate::compaction::language::{is_han, is_hangul, is_hiragana, is_katakana};

/// Sentences looked at from each end of a message. Who pastes a book says what for before or after it.
const FROM_EACH_END: usize = 24;
/// Longest text looked at from each end of a message, in bytes.
const BYTES_FROM_EACH_END: usize = 8 * 1024;

/// Words that begin lines of programs.
const CODE_HEADS: &[&str] = &[
    "import ",
    "from __",
    "def ",
    "class ",
    "fn ",
    "pub ",
    "let ",
    "const ",
    "var ",
    "function ",
    "return ",
    "#include",
    "package ",
    "using ",
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "CREATE ",
    "DELETE FROM",
    "$ ",
    ">>> ",
    "diff --git",
    "@@ ",
    "+++ ",
    "--- ",
    "at ",
    "Traceback",
    "Caused by",
    "sudo ",
    "npm ",
    "cargo ",
    "docker ",
    "kubectl ",
    "git ",
    "curl ",
    "pip ",
    "<?",
    "<!",
    "//",
    "/*",
    "* @",
    "if (",
    "for (",
    "while (",
    "echo ",
    "export ",
];
const LEVELS: &[&str] = &[
    "INFO",
    "WARN",
    "WARNING",
    "ERROR",
    "DEBUG",
    "TRACE",
    "FATAL",
    "NOTICE",
    "CRITICAL",
    "panic:",
    "Exception:",
    "Error:",
];
/// Abbreviations that a full stop ends without ending the sentence.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "e.g", "i.e", "etc", "vs", "no", "approx", "jr", "sr", "inc",
    "ltd", "fig", "a.m", "p.m", "u.s",
];

/// The sentences of a message that are its author's own prose.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    if text.len() <= 2 * BYTES_FROM_EACH_END {
        of(text, &mut found);
    } else {
        of(text.get(..floor(text, BYTES_FROM_EACH_END)).unwrap_or_default(), &mut found);
        let from = floor(text, text.len() - BYTES_FROM_EACH_END);
        // The fence of what was skipped may end here; then what stands before the last one is not looked at.
        let tail = text.get(from..).unwrap_or_default();
        of(tail.rfind("```").and_then(|at| tail.get(at + 3..)).unwrap_or(tail), &mut found);
    }
    if found.len() > 2 * FROM_EACH_END {
        found.drain(FROM_EACH_END..found.len() - FROM_EACH_END);
    }
    found
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn of<'a>(text: &'a str, found: &mut Vec<&'a str>) {
    let mut fence = None;
    let chat = is_chat(text);
    for line in text.lines() {
        let bare = line.trim();
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark)) {
            fence = match fence {
                None => Some(mark),
                Some(open) if open == mark => None,
                open => open,
            };
            continue;
        }
        let indented = line.starts_with("    ") || line.starts_with('\t');
        if fence.is_some()
            || bare.is_empty()
            || bare.starts_with(['>', '|', '＞'])
            || (indented && !bare.starts_with(['-', '*', '•']))
            || is_machine(bare)
            || (chat && speaker(bare).is_some())
        {
            continue;
        }
        split(unlisted(bare), found);
    }
}

/// A line without its bullet, number or heading mark.
fn unlisted(line: &str) -> &str {
    let line = line.trim_start_matches(['#', '-', '*', '•', '・', '·', ' ']);
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = (1..=2).contains(&digits).then(|| line.get(digits..)).flatten();
    numbered
        .and_then(|rest| rest.strip_prefix(['.', ')', '、']))
        .filter(|rest| rest.starts_with(' '))
        .unwrap_or(line)
        .trim()
}

/// Whether a line was written by, or for, a machine.
fn is_machine(line: &str) -> bool {
    if CODE_HEADS.iter().any(|head| line.starts_with(head)) && line.is_ascii() {
        // English has these words, too, but then goes on like a sentence.
        let prose = line.ends_with(['.', '!', '?']) && !line.contains(['{', '(', ';', '=', '/', '"', '<']);
        if !prose {
            return true;
        }
    }
    let head = line.get(..floor(line, 40)).unwrap_or_default();
    if LEVELS.iter().any(|level| head.split([' ', '[', ']', '|']).any(|word| word == *level)) {
        return true;
    }
    let bytes = line.as_bytes();
    let date =
        bytes.len() > 10 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && bytes[7] == b'-';
    let clock = bytes.len() > 8 && bytes[2] == b':' && bytes[5] == b':' && bytes[0].is_ascii_digit();
    if (date && head.matches(':').count() >= 2) || clock {
        return true;
    }
    if line.ends_with(['{', '}', ';'])
        || line.starts_with(['{', '}', '<'])
        || line.starts_with("\"") && line.contains("\":")
    {
        return true;
    }
    let (mut signs, mut seen, mut wide) = (0_usize, 0_usize, 0_usize);
    for c in line.chars() {
        match c {
            ' ' => {}
            '{' | '}' | '[' | ']' | '(' | ')' | ';' | '=' | '<' | '>' | '|' | '\\' | '/' | '&' | '^'
            | '$' | '#' | '@' | '_' | '`' | '+' => {
                signs += 1;
                seen += 1;
            }
            c if c.is_ascii() => seen += 1,
            _ => wide += 1,
        }
    }
    let longest =
        line.split_whitespace().filter(|word| word.is_ascii() && !word.contains("://")).map(str::len).max();
    signs * 6 > seen + 3 * wide && seen > 8 || longest.unwrap_or(0) > 48
}

/// Who a line of a transcript says it is by.
fn speaker(line: &str) -> Option<&str> {
    let at = line.find([':', '：'])?;
    let name = line.get(..at)?;
    let rest = line.get(at..)?.chars().nth(1)?;
    let short = (1..=24).contains(&name.chars().count()) && name.split_whitespace().count() <= 3;
    (short && !rest.is_ascii_digit() && rest != '/').then_some(name)
}

/// Whether a text is a transcript: lines by two speakers, of whom one speaks twice.
fn is_chat(text: &str) -> bool {
    let mut names: Vec<(&str, usize)> = Vec::new();
    for name in text.lines().take(64).filter_map(|line| speaker(line.trim())) {
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => names.push((name, 1)),
        }
    }
    names.len() >= 2 && names.iter().any(|(_, count)| *count >= 2)
}

fn split<'a>(line: &'a str, found: &mut Vec<&'a str>) {
    let mut start = 0;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = match c {
            '。' | '！' | '？' | '!' | '?' | '．' => true,
            '.' => {
                let after = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
                after && !is_abbreviation(line.get(start..at).unwrap_or_default())
            }
            _ => false,
        };
        if !ends {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some((next, c)) = chars.next_if(|(_, c)| {
            matches!(
                c,
                '。' | '！'
                    | '？'
                    | '!'
                    | '?'
                    | '.'
                    | '」'
                    | '』'
                    | '”'
                    | '’'
                    | '）'
                    | ')'
                    | '"'
                    | '…'
                    | '~'
                    | '～'
            )
        }) {
            end = next + c.len_utf8();
        }
        push(line.get(start..end), found);
        start = end;
    }
    push(line.get(start..), found);
}

fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit([' ', '(']).next().unwrap_or_default();
    let single = word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_uppercase()) && word != "I";
    single || ABBREVIATIONS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn push<'a>(sentence: Option<&'a str>, found: &mut Vec<&'a str>) {
    let sentence = sentence.unwrap_or_default().trim();
    if sentence.chars().any(|c| c.is_alphanumeric()) {
        found.push(sentence);
    }
}

/// How much a text says, in letters: a character of East Asia counts as three.
pub(super) fn weight(text: &str) -> usize {
    text.chars()
        .map(|c| {
            if is_han(c) || is_hiragana(c) || is_katakana(c) || is_hangul(c) {
                3
            } else {
                usize::from(c.is_alphanumeric())
            }
        })
        .sum()
}

/// A sentence without what is in quotation marks; `…` stands for it.
pub(super) fn unquoted(sentence: &str) -> String {
    const MARKS: [(char, char); 6] =
        [('"', '"'), ('“', '”'), ('「', '」'), ('『', '』'), ('«', '»'), ('‘', '’')];
    let mut out = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let close = MARKS.iter().find(|(open, _)| *open == c).map(|(_, close)| *close);
        match close.and_then(|close| after.find(close).map(|at| at + close.len_utf8())) {
            Some(end) => {
                out.push('…');
                rest = after.get(end..).unwrap_or_default();
            }
            None => {
                out.push(c);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_cut_into_sentences() {
        for (text, expected) in [
            ("I like tea. Dr. Smith too! Really?", &["I like tea.", "Dr. Smith too!", "Really?"][..]),
            ("我喜歡茶。你呢？好！！", &["我喜歡茶。", "你呢？", "好！！"]),
            ("お茶が好きです。「本当？」と聞かれた。", &["お茶が好きです。", "「本当？」", "と聞かれた。"]),
            ("- one\n2. two\n# three", &["one", "two", "three"]),
            ("Version 2.5 is out", &["Version 2.5 is out"]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }

    #[test]
    fn what_machines_and_others_wrote_is_left_out() {
        for text in [
            "```\nI like tea.\n```",
            "> I like tea.",
            "    I like tea",
            "2026-03-20T10:00:01Z INFO my name is server",
            "[2026-03-20 10:00:01] ERROR I like tea",
            "let my_name = \"Anna\";",
            "at com.example.Main.run(Main.java:17)",
            "{\"name\": \"my name is Anna\"}",
            "<p>I like tea</p>",
            "| I like | tea |",
            "Anna: I like tea\nBob: I hate it\nAnna: oh",
            "SELECT name FROM users WHERE id = 1",
            "dGhpcyBpcyBhIHZlcnkgbG9uZyBiYXNlNjQgc3RyaW5nIHdpdGggbm8gc3BhY2Vz",
        ] {
            assert!(sentences(text).is_empty(), "{text}: {:?}", sentences(text));
        }
    }

    #[test]
    fn a_long_paste_is_read_from_both_ends() {
        let text = format!("I like tea.\n{}\nRemind me tomorrow.", "Some words of a book. ".repeat(20_000));
        let found = sentences(&text);
        assert!(found.len() <= 2 * FROM_EACH_END);
        assert_eq!((found[0], *found.last().unwrap()), ("I like tea.", "Remind me tomorrow."));
    }

    #[test]
    fn quotations_are_hidden() {
        assert_eq!(unquoted("He said \"I like tea\" and I'm off"), "He said … and I'm off");
        assert_eq!(unquoted("他說「我喜歡茶」。"), "他說…。");
    }
}
