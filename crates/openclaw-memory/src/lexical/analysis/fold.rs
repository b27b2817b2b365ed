//! One form for texts that mean the same: NFKC, lower case, full-width and half-width alike.

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// Whether a character is of a script that is written without spaces between words, or (Korean) whose words carry their
/// particles; such text is searched by pairs of characters.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11ff}' | '\u{3005}' | '\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{3130}'..='\u{318f}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
        // Thai and Lao, Burmese with its extensions, Khmer.
        | '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}'
        | '\u{1780}'..='\u{17ff}')
}

/// Characters that stay as they are and never combine with what follows, by far the most of Chinese, Japanese and Korean
/// text.
fn is_plain(c: char) -> bool {
    matches!(c,
        '\u{3001}'..='\u{3003}' | '\u{3005}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fe}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Characters that change what is before them; they never begin a piece that is folded alone.
fn combines(c: char) -> bool {
    matches!(c, '\u{3099}' | '\u{309a}' | '\u{11a8}'..='\u{11ff}')
}

/// Appends the folded form of `text` to `out`. With a map, notes for each piece where it starts in `out` and in `text`.
pub(crate) fn fold(text: &str, out: &mut String, map: Option<&mut Vec<(usize, usize)>>) {
    if text.is_ascii() && map.is_none() {
        let start = out.len();
        out.push_str(text);
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    convert(text, out, map, push_lower);
}

/// The same without touching capitals, which say where the parts of an identifier begin.
pub(super) fn normalise(text: &str, out: &mut String) {
    if text.is_ascii() {
        out.push_str(text);
    } else {
        convert(text, out, None, |c, out| out.push(c));
    }
}

/// Appends a character's lower case, in the form in which words are compared.
pub(super) fn push_lower(c: char, out: &mut String) {
    if c.is_ascii() {
        return out.push(c.to_ascii_lowercase());
    }
    for c in c.to_lowercase() {
        match c {
            'ß' => out.push_str("ss"),
            'ς' => out.push('σ'),
            c => out.push(c),
        }
    }
}

fn convert(
    text: &str,
    out: &mut String,
    mut map: Option<&mut Vec<(usize, usize)>>,
    push: impl Fn(char, &mut String),
) {
    let mut position = 0;
    while let Some(rest) = text.get(position..).filter(|rest| !rest.is_empty()) {
        let mut chars = rest.chars();
        let Some(first) = chars.next() else { break };
        let next = chars.next();
        let alone = next.is_none_or(|next| next.is_ascii() || is_plain(next) && !combines(next));
        if let Some(map) = map.as_deref_mut() {
            map.push((out.len(), position));
        }
        if alone && (first.is_ascii() || is_plain(first)) {
            push(first, out);
            position += first.len_utf8();
        } else {
            // A character with its marks is normalised as one. Lower case may take marks apart again.
            let cluster = rest.graphemes(true).next().unwrap_or(rest);
            let start = out.len();
            cluster.nfkc().for_each(|c| push(c, out));
            if let Some(added) = out.get(start..).filter(|added| !unicode_normalization::is_nfkc(added)) {
                let again: String = added.nfkc().collect();
                out.truncate(start);
                out.push_str(&again);
            }
            position += cluster.len();
        }
    }
}

/// The folded form alone.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold(text, &mut out, None);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_folds_alike() {
        for (a, b) in [
            ("Hello", "hELLO"),
            ("ＡＢＣ１２３", "abc123"),
            ("ﾊﾟｿｺﾝ", "パソコン"),
            ("が", "か\u{3099}"),
            ("사용자", "\u{1109}\u{1161}\u{110b}\u{116d}\u{11bc}\u{110c}\u{1161}"),
            ("Café", "cafe\u{301}"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("①", "1"),
            ("㍿", "株式会社"),
            ("飲食偏好", "飲食偏好"),
        ] {
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
        assert_ne!(folded("か"), folded("が"));
    }

    #[test]
    fn the_map_leads_back() {
        let text = "Ｘé\u{301}飲 ㍿Z";
        let (mut out, mut map) = (String::new(), Vec::new());
        fold(text, &mut out, Some(&mut map));
        assert_eq!(out, folded(text));
        for (folded, original) in &map {
            assert!(out.is_char_boundary(*folded) && text.is_char_boundary(*original));
        }
        let z = out.find('z').unwrap();
        assert_eq!(map.iter().find(|(folded, _)| *folded == z).unwrap().1, text.find('Z').unwrap());
    }
}
