//! Compaction without a model: sentences that tell something lasting, and those that sum a conversation up, word by word as they
//! were said.

mod cues;
mod facts;
mod prose;
mod summary;

use std::collections::BTreeMap;

use openclaw_core::{Role, port::Section};

use self::summary::Said;
use super::{
    Spoken,
    check::LINE_CHARS,
    language::{Language, Tongues},
    markup,
    merge::{Candidate, Origin},
    place,
};

/// How important a sentence of a summary is, in hundredths.
const SUMMARY_IMPORTANCE: u8 = 30;

/// Lines out of the messages of one conversation, in their order.
pub(super) fn extract(messages: &[Spoken], tongues: &Tongues) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut days: BTreeMap<String, Vec<Said<'_>>> = BTreeMap::new();
    for (index, spoken) in messages.iter().enumerate() {
        if !matches!(spoken.role, Role::User | Role::Assistant) {
            continue;
        }
        let sentences = prose::sentences(&spoken.text);
        if sentences.is_empty() {
            continue;
        }
        let day = place::day(spoken.timestamp);
        if spoken.role == Role::User {
            let language = tongues.of(&spoken.text);
            lasting(spoken, &sentences, language, &day, &mut candidates);
        }
        let said = sentences.iter().map(|&text| Said { message: index, role: spoken.role, text });
        days.entry(day).or_default().extend(said);
    }
    for (day, said) in days {
        for said in summary::salient(&said) {
            if let Some(spoken) = messages.get(said.message) {
                candidates.extend(candidate(spoken, Section::Summary, &day, said.text, SUMMARY_IMPORTANCE));
            }
        }
    }
    candidates
}

fn lasting(
    spoken: &Spoken,
    sentences: &[&str],
    language: Language,
    day: &str,
    candidates: &mut Vec<Candidate>,
) {
    if sentences.first().is_some_and(|first| facts::is_commission(first, language)) {
        return;
    }
    for sentence in sentences {
        if let Some(found) = facts::find(sentence, language) {
            candidates.extend(candidate(spoken, found.section, day, sentence, found.importance));
        }
    }
}

fn candidate(
    spoken: &Spoken,
    section: Section,
    day: &str,
    sentence: &str,
    importance: u8,
) -> Option<Candidate> {
    let text = markup::one_line(sentence, LINE_CHARS);
    (!text.is_empty()).then(|| Candidate {
        section,
        day: day.to_owned(),
        text,
        from: vec![spoken.id.as_str().to_owned()],
        importance,
        supersedes: None,
        origin: Origin::Extracted,
    })
}
