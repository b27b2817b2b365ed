//! What a conversation was about on a day, in its own sentences: those that have most of what is said again and again.

use std::collections::{HashMap, HashSet};

use openclaw_core::Role;
use unicode_segmentation::UnicodeSegmentation as _;

use super::prose;
use crate::compaction::{
    language::{is_han, is_hangul, is_katakana},
    words,
};

/// Most sentences of one conversation and day that are weighed; the first ones, and the last.
const SENTENCES: usize = 256;
/// A sentence that has this share of its words, in percent, in those chosen before says nothing new.
const REPEATS: usize = 60;
/// Weight of a sentence, as [`prose::weight`] has it, below and above which it is a poor summary.
const GOOD: std::ops::RangeInclusive<usize> = 12..=160;

/// One sentence of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    /// Which message, by its number.
    pub(super) message: usize,
    pub(super) role: Role,
    pub(super) text: &'a str,
}

/// The words of a sentence that tell its topic, as numbers in their order: sums over them come out the same each time, to the last
/// bit, and so do the sentences that are chosen.
fn topics(text: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let text = words::folded(text);
    let mut before = None;
    for c in text.chars() {
        let east = is_east(c);
        if let (true, Some(before)) = (east, before) {
            found.push(u64::from(u32::from(before)) << 32 | u64::from(u32::from(c)));
        }
        before = east.then_some(c);
    }
    for word in text.unicode_words() {
        let telling = if word.is_ascii() {
            (word.len() > 2 || word.bytes().any(|byte| byte.is_ascii_digit())) && !words::is_empty_word(word)
        } else {
            !word.chars().any(is_east) && word.chars().count() > 3
        };
        if telling {
            found.push(number(words::stem(word)));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn is_east(c: char) -> bool {
    is_han(c) || is_katakana(c) || is_hangul(c)
}

/// FNV-1a, with the top bit set: no pair of characters has that.
fn number(word: &str) -> u64 {
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash | 1 << 63
}

/// The sentences worth keeping, in their order.
pub(super) fn salient<'a>(said: &[Said<'a>]) -> Vec<Said<'a>> {
    let head = said.iter().take(SENTENCES / 2);
    let tail = said.iter().skip(SENTENCES / 2);
    let tail = tail.clone().skip(tail.len().saturating_sub(SENTENCES / 2));
    let sentences: Vec<(Said<'a>, Vec<u64>)> = head
        .chain(tail)
        .map(|said| (*said, topics(said.text)))
        .filter(|(said, topics)| topics.len() >= 2 && prose::weight(said.text) >= *GOOD.start() / 2)
        .collect();
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for (_, topics) in &sentences {
        for topic in topics {
            *counts.entry(*topic).or_default() += 1;
        }
    }
    let mut scored: Vec<(f64, usize)> = sentences
        .iter()
        .enumerate()
        .map(|(index, (said, topics))| (score(*said, topics, index, &counts), index))
        .collect();
    openclaw_core::sort_by(&mut scored, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let wanted = match sentences.len() {
        0 => return Vec::new(),
        1..=3 => 1,
        4..=9 => 2,
        10..=24 => 3,
        25..=80 => 4,
        _ => 6,
    };
    // Somebody asked: without what they said the rest hangs in the air.
    let first = scored.iter().position(|(_, index)| sentences[*index].0.role == Role::User);
    let Some(first) = first else { return Vec::new() };
    let first = scored.remove(first);
    let mut chosen: Vec<usize> = Vec::new();
    let mut covered: HashSet<u64> = HashSet::new();
    for (_, index) in std::iter::once(first).chain(scored) {
        if chosen.len() == wanted {
            break;
        }
        let topics = &sentences[index].1;
        let again = topics.iter().filter(|topic| covered.contains(topic)).count();
        if again * 100 < topics.len() * REPEATS {
            covered.extend(topics);
            chosen.push(index);
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|index| sentences[index].0).collect()
}

fn score(said: Said<'_>, topics: &[u64], index: usize, counts: &HashMap<u64, usize>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let weight = |topic: &u64| (counts.get(topic).copied().unwrap_or(0) as f64).ln_1p();
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let mean = topics.iter().map(weight).sum::<f64>() / (topics.len() as f64).sqrt();
    let who = if said.role == Role::User { 1.25 } else { 1.0 };
    let place = if index == 0 { 1.3 } else { 1.0 };
    let length = prose::weight(said.text);
    let good = if GOOD.contains(&length) { 1.0 } else { 0.6 };
    let exact = if said.text.chars().any(char::is_numeric) { 1.1 } else { 1.0 };
    mean * who * place * good * exact
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<'a>(said: &[(Role, &'a str)]) -> Vec<&'a str> {
        let said: Vec<Said<'a>> = said
            .iter()
            .enumerate()
            .map(|(message, (role, text))| Said { message, role: *role, text })
            .collect();
        salient(&said).iter().map(|said| said.text).collect()
    }

    #[test]
    fn the_topic_is_chosen_and_chatter_is_not() {
        use Role::{Assistant, User};
        for (said, kept) in [
            (
                &[
                    (User, "Hello there!"),
                    (User, "I am planning a trip to Kyoto in April to see the cherry blossoms."),
                    (Assistant, "Wonderful!"),
                    (Assistant, "In Kyoto the cherry blossoms usually open in the first week of April."),
                    (User, "Thanks a lot."),
                ][..],
                "I am planning a trip to Kyoto in April to see the cherry blossoms.",
            ),
            (
                &[
                    (User, "你好"),
                    (User, "我想把資料庫從 MySQL 換成 PostgreSQL，該注意什麼？"),
                    (Assistant, "換資料庫時要注意字元集與索引。"),
                    (User, "謝謝"),
                ],
                "我想把資料庫從 MySQL 換成 PostgreSQL，該注意什麼？",
            ),
            (
                &[
                    (User, "来月の京都旅行の計画を手伝ってください。"),
                    (Assistant, "はい。"),
                    (User, "京都旅行は三泊です。"),
                ],
                "来月の京都旅行の計画を手伝ってください。",
            ),
            (
                &[
                    (User, "안녕하세요"),
                    (User, "다음 달 부산 여행 계획을 도와주세요."),
                    (User, "부산 여행은 3박 4일이에요."),
                ],
                "다음 달 부산 여행 계획을 도와주세요.",
            ),
        ] {
            let chosen = chosen(said);
            assert!(chosen.contains(&kept), "{chosen:?}");
            assert!(chosen.len() <= 2);
        }
    }

    #[test]
    fn nothing_said_is_nothing_summed_up() {
        assert!(chosen(&[]).is_empty());
        assert!(
            chosen(&[(Role::User, "hi"), (Role::Assistant, "Hello! How can I help you today?")]).is_empty()
        );
    }

    #[test]
    fn the_same_is_not_kept_twice() {
        let said: Vec<_> =
            (0..30).map(|_| (Role::User, "The database migration failed again this morning.")).collect();
        assert_eq!(chosen(&said).len(), 1);
    }
}
