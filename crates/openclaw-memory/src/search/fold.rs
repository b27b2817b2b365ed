//! One form for texts that mean the same: NFKC, lower case, full-width and half-width alike.

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// Whether a character is of a script that is written without spaces between words, or (Korean) whose words carry their
/// particles; such text is searched by pairs of characters.
pub(super) fn is_unspaced(c: char) -> bool {
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
pub(super) fn fold(text: &str, out: &mut String, mut map: Option<&mut Vec<(usize, usize)>>) {
    if text.is_ascii() && map.is_none() {
        let start = out.len();
        out.push_str(text);
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    let mut position = 0;
    while let Some(rest) = text.get(position..).filter(|rest| !rest.is_empty()) {
        let mut chars = rest.chars();
        let Some(first) = chars.next() else { break };
        let next = chars.next();
        let alone = next.is_none_or(|next| next.is_ascii() || is_plain(next) && !combines(next));
        if let Some(map) = map.as_deref_mut() {
            map.push((out.len(), position));
        }
        if alone && first.is_ascii() {
            out.push(first.to_ascii_lowercase());
            position += 1;
        } else if alone && is_plain(first) {
            out.push(first);
            position += first.len_utf8();
        } else {
            // A character with its marks is normalised as one.
            let cluster = rest.graphemes(true).next().unwrap_or(rest);
            for c in cluster.nfkc().flat_map(char::to_lowercase).nfkc() {
                match c {
                    'ß' => out.push_str("ss"),
                    'ς' => out.push('σ'),
                    c => out.push(c),
                }
            }
            position += cluster.len();
        }
    }
}

/// The folded form alone.
pub(super) fn folded(text: &str) -> String {
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
