//! What a model proposes, checked against what it was shown. Nothing unchecked is written.

use std::collections::HashMap;

use openclaw_core::{
    MessageId, Role, Timestamp,
    port::{KnownLine, Proposal, Section},
};

use super::{
    Spoken, markup,
    merge::{Candidate, Origin},
    place,
    words::{Evidence, Unsupported},
};

/// Longest line, in characters.
pub(super) const LINE_CHARS: usize = 300;
/// Most lines for one piece of a conversation.
const PROPOSALS: usize = 64;
/// Most sources of one proposal.
const SOURCES: usize = 16;

/// Why proposals were refused, each with how often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// No source.
    pub uncited: u64,
    /// A source that was not shown.
    pub unknown_source: u64,
    /// Something about the user that only others said.
    pub not_from_user: u64,
    /// Words, names or numbers that the sources don't have; or nothing to look for.
    pub unsupported: u64,
    /// The opposite of what the sources say.
    pub denied: u64,
    /// Takes the place of a line that does not exist, is a person's, or is of another section.
    pub supersedes: u64,
    /// More lines, or more sources, than a piece of a conversation may give.
    pub too_many: u64,
    /// No text, or no proposal at all.
    pub unreadable: u64,
}

impl Refused {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.uncited
            + self.unknown_source
            + self.not_from_user
            + self.unsupported
            + self.denied
            + self.supersedes
            + self.too_many
            + self.unreadable
    }

    pub(super) fn add(&mut self, other: Self) {
        self.uncited += other.uncited;
        self.unknown_source += other.unknown_source;
        self.not_from_user += other.not_from_user;
        self.unsupported += other.unsupported;
        self.denied += other.denied;
        self.supersedes += other.supersedes;
        self.too_many += other.too_many;
        self.unreadable += other.unreadable;
    }
}

/// Checks what a model proposes for these messages.
pub(super) fn check(
    proposals: Vec<Proposal>,
    shown: &[Spoken],
    known: &[KnownLine],
) -> (Vec<Candidate>, Refused) {
    let shown: HashMap<&MessageId, &Spoken> = shown.iter().map(|spoken| (&spoken.id, spoken)).collect();
    let mut refused = Refused::default();
    refused.too_many += proposals.len().saturating_sub(PROPOSALS) as u64;
    let mut candidates = Vec::new();
    for proposal in proposals.into_iter().take(PROPOSALS) {
        match one(proposal, &shown, known) {
            Ok(candidate) => candidates.push(candidate),
            Err(why) => *why(&mut refused) += 1,
        }
    }
    (candidates, refused)
}

type Why = fn(&mut Refused) -> &mut u64;

fn one(
    proposal: Proposal,
    shown: &HashMap<&MessageId, &Spoken>,
    known: &[KnownLine],
) -> Result<Candidate, Why> {
    let text = markup::one_line(&proposal.text, LINE_CHARS);
    if text.is_empty() {
        return Err(|refused| &mut refused.unreadable);
    }
    let mut sources: Vec<&Spoken> = Vec::new();
    for id in &proposal.sources {
        let spoken = shown.get(id).ok_or((|refused| &mut refused.unknown_source) as Why)?;
        if sources.iter().all(|source| source.id != *id) {
            sources.push(spoken);
        }
    }
    if sources.is_empty() {
        return Err(|refused| &mut refused.uncited);
    }
    if sources.len() > SOURCES {
        return Err(|refused| &mut refused.too_many);
    }
    let by_user = sources.iter().any(|source| source.role == Role::User);
    if proposal.section != Section::Summary && !by_user {
        return Err(|refused| &mut refused.not_from_user);
    }
    // Whether the line is there to be superseded is seen when the files are: it may be struck already, by this very line.
    let old = known.iter().find(|line| line.reference.is_some() && line.reference == proposal.supersedes);
    if old.is_some_and(|old| old.section != proposal.section) {
        return Err(|refused| &mut refused.supersedes);
    }
    // What tools return is the world's word, not the user's.
    let counts = |role: Role| match role {
        Role::User | Role::Assistant => true,
        Role::Tool => proposal.section == Section::Summary,
        Role::System => false,
    };
    let said = sources.iter().filter(|source| counts(source.role)).map(|source| source.text.as_str());
    let evidence = Evidence::new(said.chain(old.map(|old| old.text.as_str())));
    match evidence.bears_out(&text) {
        Ok(()) => {}
        Err(Unsupported::Denial) => return Err(|refused| &mut refused.denied),
        Err(_) => return Err(|refused| &mut refused.unsupported),
    }
    let newest =
        sources.iter().map(|source| source.timestamp).max().unwrap_or(Timestamp::from_unix_millis(0));
    Ok(Candidate {
        section: proposal.section,
        day: place::day(newest),
        text,
        from: sources.iter().map(|source| source.id.as_str().to_owned()).collect(),
        importance: percent(proposal.importance),
        supersedes: proposal.supersedes,
        origin: Origin::Model,
    })
}

/// An importance in hundredths; what is no number is taken as middling.
pub(super) fn percent(importance: f32) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    if importance.is_nan() { 50 } else { (importance.clamp(0.0, 1.0) * 100.0).round() as u8 }
}
