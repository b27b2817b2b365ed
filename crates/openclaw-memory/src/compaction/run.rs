//! One compaction: messages in, Markdown out.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    time::Duration,
};

use openclaw_core::{
    ConversationId, MemoryEntry, MemoryKind, MessageId, Role, Timestamp,
    port::{DistillPort, KnownLine, Material, MemoryError, Section},
};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Refused,
    check::{self, LINE_CHARS},
    document::{Document, Kind},
    error::CompactionError,
    extract::extract,
    files::{ATTEMPTS, Directory},
    language::{Scripts, Tongues},
    markup,
    merge::{Candidate, Contents, Merged, Origin, merge},
    place,
};
use crate::fs::Fs;

/// Text of one conversation that a model is shown at once, in bytes; it may be cut further to the model's window.
const CHUNK_BYTES: usize = 48 * 1024;
/// Messages likewise.
const CHUNK_MESSAGES: usize = 200;
/// Lines that a model is shown as known: the newest of each file.
const KNOWN: usize = 60;
/// Failures of a model one after another that end the asking; the rest is extracted.
const FAILURES: u32 = 3;

/// One message on its way into the Markdown.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// Its conversation.
    pub conversation: ConversationId,
    /// Itself.
    pub id: MessageId,
    /// Who speaks.
    pub role: Role,
    /// When.
    pub timestamp: Timestamp,
    /// What is said: the text blocks, joined.
    pub text: String,
}

/// What is compacted.
pub struct Input<'a> {
    /// Messages in the order of the log. All are held until the files are written, so a caller with a bound on memory passes one
    /// segment's at a time.
    pub messages: &'a mut dyn Iterator<Item = Result<Spoken, MemoryError>>,
    /// What is remembered on purpose and not expired, superseded entries included; each time all of it.
    pub remembered: &'a [MemoryEntry],
}

/// How it is done.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The model; `None`: by extraction.
    pub distiller: Option<&'a dyn DistillPort>,
    /// How long a model may take for one piece of a conversation.
    pub deadline: Duration,
    /// Changes nothing; says what would be.
    pub dry_run: bool,
    /// Called after each piece with how many are done, and how many there are.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Ends it; what is written by then is whole.
    pub cancel: &'a CancellationToken,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("distiller", &self.distiller.is_some())
            .field("deadline", &self.deadline)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

/// How the lines were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// By a model, all of them.
    Model,
    /// By extraction.
    #[default]
    Extractive,
    /// By a model, and by extraction where it failed.
    Mixed,
}

impl Method {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Extractive => "extractive",
            Self::Mixed => "mixed",
        }
    }
}

/// A file that was written, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name, relative to the directory.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// What a compaction did: the substance of its mark.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Messages read.
    pub messages: u64,
    /// Lines written.
    pub added: u64,
    /// Lines that gained a source.
    pub confirmed: u64,
    /// Lines struck because a newer one says otherwise.
    pub superseded: u64,
    /// Lines that were there already.
    pub known: u64,
    /// Lines that stay away because a person took them out, or changed them.
    pub withheld: u64,
    /// What was refused of a model's proposals.
    pub refused: Refused,
    /// How the lines were found.
    pub method: Method,
    /// Files that changed, by name.
    pub files: Vec<Written>,
}

/// Makes Markdown of messages and remembered entries. Safe to repeat: the same input changes nothing the second time, and a run
/// that was killed is finished by the next. When it returns, the files are durable, and the caller may mark the input as done.
///
/// Blocks on files between its awaits; only a model is awaited. Drive it from a thread that may block.
///
/// # Errors
/// [`CompactionError`]; files that were replaced by then stay, and the next run goes on from them.
///
/// Cancel safety: dropping the future leaves whole files.
pub async fn compact(
    input: Input<'_>,
    dir: &Path,
    fs: &dyn Fs,
    options: Options<'_>,
) -> Result<Outcome, CompactionError> {
    let directory = Directory { fs, dir };
    let tongues = Tongues::default();
    let mut scripts = Scripts::default();
    let mut outcome = Outcome::default();
    let mut order: Vec<ConversationId> = Vec::new();
    let mut conversations: HashMap<ConversationId, Vec<Spoken>> = HashMap::new();
    for spoken in input.messages {
        let spoken = spoken.map_err(CompactionError::Messages)?;
        stopped(options.cancel)?;
        outcome.messages += 1;
        if spoken.role == Role::User {
            tongues.count(&spoken.text, &mut scripts);
        }
        let messages = conversations.entry(spoken.conversation.clone()).or_insert_with(|| {
            order.push(spoken.conversation.clone());
            Vec::new()
        });
        messages.push(spoken);
    }
    let mut candidates: Vec<Candidate> = input.remembered.iter().filter_map(remembered).collect();
    let mut asking = Asking::new(&options, directory)?;
    let total = order.len() as u64;
    for (done, conversation) in order.iter().enumerate() {
        stopped(options.cancel)?;
        let messages = conversations.remove(conversation).unwrap_or_default();
        asking.conversation(&messages, &tongues, &mut candidates).await?;
        (options.progress)(done as u64 + 1, total);
    }
    outcome.method = asking.method();
    outcome.refused = asking.refused;
    let language = scripts.language();
    let (after, before, merged) = write(directory, &candidates, language, options)?;
    outcome.added = merged.added;
    outcome.confirmed = merged.confirmed;
    outcome.superseded = merged.superseded;
    outcome.known = merged.known;
    outcome.withheld = merged.withheld;
    outcome.refused.supersedes += merged.rejected;
    for (file, bytes) in &after.files {
        if let Some(bytes) = bytes.as_ref().filter(|_| before.files.get(file) != Some(bytes)) {
            outcome.files.push(Written { file: file.clone(), sha256: Sha256::digest(bytes).into() });
        }
    }
    if outcome.refused.total() > 0 {
        // Counts only: what was proposed may be anything.
        warn!(refused = ?outcome.refused, "proposed lines were refused");
    }
    info!(
        messages = outcome.messages,
        added = outcome.added,
        superseded = outcome.superseded,
        withheld = outcome.withheld,
        files = outcome.files.len(),
        method = outcome.method.as_str(),
        dry_run = options.dry_run,
        "messages were made into Markdown"
    );
    Ok(outcome)
}

fn stopped(cancel: &CancellationToken) -> Result<(), CompactionError> {
    if cancel.is_cancelled() { Err(CompactionError::Cancelled) } else { Ok(()) }
}

/// The line of a remembered entry; conversations and ephemeral things have none.
fn remembered(entry: &MemoryEntry) -> Option<Candidate> {
    let section = match entry.kind {
        MemoryKind::Preference => Section::Preferences,
        MemoryKind::Fact => Section::Facts,
        MemoryKind::Task => Section::Tasks,
        MemoryKind::Conversation | MemoryKind::Ephemeral => return None,
    };
    let text = markup::one_line(&entry.content, LINE_CHARS);
    let sources = entry.sources.iter().map(|id| id.as_str().to_owned());
    (!text.is_empty()).then(|| Candidate {
        section,
        day: place::day(entry.id.created_at()),
        text,
        from: std::iter::once(entry.id.to_string()).chain(sources).collect(),
        importance: check::percent(entry.importance),
        supersedes: None,
        origin: Origin::Remembered {
            id: entry.id,
            done: entry.completed_at.is_some(),
            superseded_by: entry.superseded_by,
        },
    })
}

/// Works the candidates in until no person interferes.
fn write(
    directory: Directory<'_>,
    candidates: &[Candidate],
    language: super::language::Language,
    options: Options<'_>,
) -> Result<(Contents, Contents, Merged), CompactionError> {
    let names: BTreeSet<String> =
        candidates.iter().map(|candidate| place::file(candidate.section, &candidate.day)).collect();
    if !options.dry_run {
        directory.create()?;
        directory.clear()?;
    }
    // What the first attempt found counts: a later one finds the lines of the one before it.
    let mut first: Option<(Contents, Merged)> = None;
    let mut contended = String::new();
    for _ in 0..ATTEMPTS {
        stopped(options.cancel)?;
        let before = directory.load(&names)?;
        let (after, merged) = merge(&before, candidates, language);
        let stored = if options.dry_run { Ok(Vec::new()) } else { directory.store(&before, &after)? };
        let (begun, counted) = first.get_or_insert((before, merged));
        match stored {
            Ok(written) => {
                debug!(files = written.len(), "Markdown written");
                return Ok((after, begun.clone(), *counted));
            }
            Err(name) => {
                debug!(file = name, "a person changed a file meanwhile; it is read again");
                contended = name;
            }
        }
    }
    Err(CompactionError::Contended { path: directory.path(&contended) })
}

/// What a model is asked, as long as that makes sense.
struct Asking<'a> {
    distiller: Option<&'a dyn DistillPort>,
    options: &'a Options<'a>,
    known: Vec<KnownLine>,
    failures: u32,
    by_model: u64,
    extracted: u64,
    refused: Refused,
}

impl<'a> Asking<'a> {
    fn new(options: &'a Options<'a>, directory: Directory<'_>) -> Result<Self, CompactionError> {
        let distiller = options.distiller.filter(|distiller| distiller.is_ready());
        let known = if distiller.is_some() { known(directory)? } else { Vec::new() };
        Ok(Self {
            distiller,
            options,
            known,
            failures: 0,
            by_model: 0,
            extracted: 0,
            refused: Refused::default(),
        })
    }

    fn method(&self) -> Method {
        match (self.by_model, self.extracted) {
            (0, _) => Method::Extractive,
            (_, 0) => Method::Model,
            _ => Method::Mixed,
        }
    }

    async fn conversation(
        &mut self,
        messages: &[Spoken],
        tongues: &Tongues,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), CompactionError> {
        if self.distiller.is_none() {
            // In one piece: the summary of a day is then one.
            candidates.extend(extract(messages, tongues));
            self.extracted += 1;
            return Ok(());
        }
        for chunk in chunks(messages) {
            let missed = match self.distiller.filter(|_| self.failures < FAILURES) {
                Some(distiller) => self.ask(distiller, chunk, candidates).await?,
                None => chunk.iter().map(|spoken| spoken.id.clone()).collect(),
            };
            if missed.is_empty() {
                self.by_model += 1;
                continue;
            }
            self.by_model += u64::from(missed.len() < chunk.len());
            self.extracted += 1;
            let rest: Vec<Spoken> =
                chunk.iter().filter(|spoken| missed.contains(&spoken.id)).cloned().collect();
            candidates.extend(extract(&rest, tongues));
        }
        Ok(())
    }

    /// Asks about one piece. Returns the messages it gave nothing sound for.
    async fn ask(
        &mut self,
        distiller: &dyn DistillPort,
        chunk: &[Spoken],
        candidates: &mut Vec<Candidate>,
    ) -> Result<Vec<MessageId>, CompactionError> {
        let message =
            |spoken: &Spoken| (spoken.id.clone(), spoken.role, spoken.timestamp, spoken.text.clone());
        let material = Material { messages: chunk.iter().map(message).collect(), known: self.known.clone() };
        let all = || chunk.iter().map(|spoken| spoken.id.clone()).collect();
        // The deadline is kept here, too: a port that forgets it must not hold the compaction up.
        let asked = tokio::time::timeout(
            self.options.deadline.saturating_add(Duration::from_secs(1)),
            distiller.distill(material, self.options.deadline),
        );
        let asked = self.options.cancel.run_until_cancelled(asked).await.ok_or(CompactionError::Cancelled)?;
        let distilled = match asked {
            Ok(Ok(distilled)) => distilled,
            Ok(Err(error)) => {
                self.failures += 1;
                warn!(%error, "a conversation is summed up by extraction");
                return Ok(all());
            }
            Err(_) => {
                self.failures += 1;
                warn!("a model took too long; a conversation is summed up by extraction");
                return Ok(all());
            }
        };
        let proposed = distilled.proposals.len();
        let (sound, mut refused) = check::check(distilled.proposals, chunk, &self.known);
        refused.unreadable += distilled.unreadable;
        self.refused.add(refused);
        if sound.is_empty() && (proposed > 0 || distilled.unreadable > 0) {
            // It answered, and none of it holds: as good as no answer.
            self.failures += 1;
            return Ok(all());
        }
        self.failures = 0;
        candidates.extend(sound);
        Ok(distilled.missed)
    }
}

/// Pieces of a conversation, none larger than a model is shown at once; a message is never cut.
fn chunks(messages: &[Spoken]) -> impl Iterator<Item = &[Spoken]> {
    let mut rest = messages;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |spoken: &&Spoken| {
            bytes += spoken.text.len();
            bytes <= CHUNK_BYTES
        };
        let count = rest.iter().take(CHUNK_MESSAGES).take_while(fits).count().max(1).min(rest.len());
        let (now, later) = rest.split_at(count);
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

/// The newest lines that stand in each file but the summaries.
fn known(directory: Directory<'_>) -> Result<Vec<KnownLine>, CompactionError> {
    let mut known = Vec::new();
    for section in Section::ALL.into_iter().filter(|section| *section != Section::Summary) {
        let file = place::file(section, "");
        let document = Document::parse(&file, &directory.read(&file)?.unwrap_or_default());
        let lines = document.lines.iter().rev().filter_map(|line| match &line.kind {
            Kind::Ours(entry) if entry.struck.is_none() => {
                Some((Some(entry.note.reference.clone()), entry.text.clone()))
            }
            Kind::Ours(_) | Kind::Theirs(None) => None,
            Kind::Edited { text, .. } | Kind::Theirs(Some(text)) => Some((None, text.clone())),
        });
        let lines = lines.filter(|(_, text)| !text.starts_with('#') && !text.is_empty()).take(KNOWN);
        known.extend(lines.map(|(reference, text)| KnownLine {
            reference,
            section,
            text: markup::one_line(&text, LINE_CHARS),
        }));
    }
    Ok(known)
}
