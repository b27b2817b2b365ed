//! Reading a model's answer: JSON objects, wherever they stand in it.

use openclaw_core::port::{Proposal, Section};
use serde_json::{Map, Value};

use super::prompt::Piece;

/// Most proposals that are taken from one answer.
const PROPOSALS: usize = 64;

/// What an answer proposes.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) proposals: Vec<Proposal>,
    /// Objects, or lines meant as such, that are no proposals.
    pub(super) unreadable: u64,
}

/// Reads an answer. Fences, prose before and after, and commas between lines are passed over; an array of objects is taken as
/// its objects. An object counts only when it is whole, has a known section, a text, and names at least one message that was
/// shown and none that was not.
pub(super) fn read(answer: &str, piece: &Piece<'_>) -> Read {
    // What a model thinks aloud is no answer.
    let answer = answer.rsplit_once("</think>").map_or(answer, |(_, answer)| answer);
    let mut read = Read::default();
    // Who has nothing to propose says nothing; prose is an answer to something else.
    if !answer.contains('{') && !answer.trim().is_empty() {
        read.unreadable = 1;
    }
    let mut rest = answer;
    while let Some(at) = rest.find('{') {
        rest = rest.get(at..).unwrap_or_default();
        let mut objects = serde_json::Deserializer::from_str(rest).into_iter::<Map<String, Value>>();
        match objects.next() {
            Some(Ok(object)) => {
                rest = rest.get(objects.byte_offset()..).unwrap_or_default();
                match proposal(&object, piece) {
                    Some(proposal) if read.proposals.len() < PROPOSALS => read.proposals.push(proposal),
                    _ => read.unreadable += 1,
                }
            }
            _ => {
                // Not JSON from here: on with the next line, so that one bad line costs no other.
                read.unreadable += 1;
                rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            }
        }
    }
    read
}

fn proposal(object: &Map<String, Value>, piece: &Piece<'_>) -> Option<Proposal> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let word = text("section")?.trim().to_ascii_lowercase();
    let section = Section::ALL.into_iter().find(|section| {
        let name = section.as_str();
        name == word || name.trim_end_matches('s') == word
    })?;
    let names: Vec<&str> = match object.get("sources")? {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let sources = names.iter().map(|name| piece.message(name.trim()).cloned()).collect::<Option<Vec<_>>>()?;
    let supersedes = match text("supersedes").map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => Some(piece.known(name, section)?.to_owned()),
        None => None,
    };
    let text = text("text")?.trim();
    if text.is_empty() || sources.is_empty() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a share")]
    let importance = object.get("importance").and_then(Value::as_f64).unwrap_or(0.5).clamp(0.0, 1.0) as f32;
    Some(Proposal { section, text: text.to_owned(), sources, supersedes, importance })
}
