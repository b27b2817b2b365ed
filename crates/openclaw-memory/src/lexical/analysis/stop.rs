//! Words that questions are made of and that say little about what is asked for.

use std::collections::HashSet;

use super::stem;

/// English words that nearly every text has.
const ENGLISH: &str = "a an the and or but if of at by for with about to from in on as into is are was were be been being am do does did \
    done doing have has had having i me my we our us you your he him his she her it its they them their what which who whom whose \
    this that these those when where why how can could will would shall should may might must not no nor so than too very s t just \
    there here then also any some each other such only own same more most many much both few all ever ve re ll d m isnt arent wasnt \
    werent dont doesnt didnt cant couldnt wont wouldnt im youre hes shes theyre ive youve weve theyve id youd";

/// Pairs of characters, simplified, that Chinese, Japanese and Korean questions are made of.
const PAIRS: [&str; 58] = [
    "什么", "甚么", "多少", "哪里", "哪个", "哪些", "哪年", "哪一", "哪位", "何时", "为何", "怎么", "怎样",
    "如何", "谁的", "是谁", "几个", "是否", "请问", "何人", "何処", "いつ", "どこ", "だれ", "なに", "なん",
    "何で", "何が", "何を", "何と", "谁が", "谁は", "谁で", "ます", "でし", "した", "です", "무엇", "누구",
    "언제", "어디", "어떤", "어떻", "얼마", "인가", "는가", "은가", "던가", "한가", "까요", "나요", "니까",
    "습니", "이다", "있는", "이며", "에서", "으로",
];

/// The lists, ready to be asked.
#[derive(Debug)]
pub(super) struct Stop {
    stems: HashSet<Vec<u8>>,
    pairs: HashSet<&'static str>,
}

impl Stop {
    pub(super) fn new() -> Self {
        let stems = ENGLISH.split_whitespace().map(|word| {
            let mut stem = word.as_bytes().to_vec();
            stem::stem(&mut stem);
            stem
        });
        Self { stems: stems.collect(), pairs: PAIRS.into_iter().collect() }
    }

    pub(super) fn has_stem(&self, stem: &[u8]) -> bool {
        self.stems.contains(stem)
    }

    pub(super) fn has_pair(&self, pair: &str) -> bool {
        self.pairs.contains(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_pairs_in_the_form_they_are_compared_in() {
        let stop = Stop::new();
        assert_eq!(stop.pairs.len(), PAIRS.len(), "none twice");
        let simplifier = super::super::simplify::Simplifier::new();
        for pair in PAIRS {
            assert_eq!(pair.chars().count(), 2, "{pair}");
            assert!(pair.chars().all(|c| simplifier.simplified(c) == c), "{pair}");
        }
        assert!(stop.has_stem(b"the") && stop.has_pair("什么") && !stop.has_stem(b"otter"));
    }
}
