//! Looking things up and reading them.

use std::collections::HashMap;

use openclaw_core::{
    ContentBlock, ConversationId, MemoryEntry, MemoryId, MemoryKind, Message, MessageId, Role, Timestamp,
    port::{CurationPort, EntryFilter, MemoryType, SearchHit, SearchQuery, ToolContext},
};

use super::{
    MemoryTools, Told,
    arguments::{Day, Read, Search, time},
    trouble,
};
use crate::context::entry;

/// Results when a call doesn't say how many, and most.
const RESULTS: usize = 5;
pub(super) const MOST_RESULTS: usize = 20;
/// Longest passage of a result, in characters.
const PASSAGE_CHARS: usize = 600;
/// Longest piece of a message that is shown at once, in characters.
const PIECE_CHARS: usize = 6000;
/// Entries of a kind that are looked through, newest first.
const ENTRIES: usize = 200;
/// Passages that are looked at for entries of a kind.
const HITS: usize = 100;

/// What a search is narrowed to.
struct Span {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl MemoryTools {
    pub(super) async fn search(&self, asked: Search, context: &ToolContext) -> Told {
        let limit = asked.limit.unwrap_or(RESULTS).clamp(1, MOST_RESULTS);
        let span = Span {
            since: time("since", asked.since.as_deref(), Day::Begin)?,
            until: time("until", asked.until.as_deref(), Day::End)?,
        };
        let query = asked.query.unwrap_or_default().trim().to_owned();
        match (asked.kind, &self.curation) {
            (Some(kind), Some(curation)) => self.of_kind(&**curation, kind, query, span, limit).await,
            _ if query.is_empty() => Err("Say what to look for in `query`.".to_owned()),
            _ => {
                let found = self.hits(query, &span, limit).await?;
                let lines = found.0.iter().map(|hit| hit_line(hit, &context.conversation));
                Ok(listed(&lines.collect::<Vec<_>>(), found.1))
            }
        }
    }

    async fn hits(
        &self,
        query: String,
        span: &Span,
        limit: usize,
    ) -> Result<(Vec<SearchHit>, usize), String> {
        let query = SearchQuery {
            query,
            limit,
            kind: MemoryType::All,
            since: span.since,
            until: span.until,
            channel: None,
            conversation: None,
        };
        let found = self.memory.search(query).await.map_err(|error| trouble(&error))?;
        Ok((found.hits, found.total))
    }

    /// Remembered entries of one kind: those that the search finds, best first, or the newest without a question.
    async fn of_kind(
        &self,
        curation: &dyn CurationPort,
        kind: MemoryKind,
        query: String,
        span: Span,
        limit: usize,
    ) -> Told {
        let filter = EntryFilter { kind: Some(kind), limit: ENTRIES, ..EntryFilter::default() };
        let page = curation.entries(filter).await.map_err(|error| trouble(&error))?;
        let mut entries = page.entries;
        entries.retain(|entry| {
            let at = entry.id.created_at();
            span.since.is_none_or(|since| at >= since) && span.until.is_none_or(|until| at <= until)
        });
        let mut head = "";
        if !query.is_empty() {
            let (hits, _) = self.hits(query, &span, HITS).await?;
            let places: HashMap<String, usize> =
                hits.into_iter().enumerate().map(|(place, hit)| (hit.id, place)).collect();
            let place = |entry: &MemoryEntry| places.get(&entry.id.to_string()).copied();
            if entries.iter().any(|entry| place(entry).is_some()) {
                entries.retain(|entry| place(entry).is_some());
                openclaw_core::sort_by_key(&mut entries, place);
            } else if !entries.is_empty() {
                head = "None of them fits the query. The newest:\n";
            }
        }
        let total = entries.len();
        let lines: Vec<_> = entries.iter().take(limit).map(entry_line).collect();
        Ok(format!("{head}{}", listed(&lines, total)))
    }

    pub(super) async fn read(&self, asked: Read, context: &ToolContext) -> Told {
        let id = asked.id.trim();
        if let (Ok(id), Some(curation)) = (id.parse::<MemoryId>(), &self.curation) {
            let entry = curation.entry(id).await.map_err(|error| trouble(&error))?;
            let entry = entry.ok_or_else(|| format!("There is no entry {id}."))?;
            let what = entry_kind(&entry);
            return piece(&id.to_string(), id.created_at(), &what, &entry.content, asked.offset);
        }
        let named = match asked.conversation.as_deref().map(str::trim).filter(|named| !named.is_empty()) {
            Some(named) => {
                named.parse::<ConversationId>().map_err(|error| format!("`conversation`: {error}."))?
            }
            None => context.conversation.clone(),
        };
        // A result among several of one message is named after a `#`, which a message's own id may hold, too.
        let (whole, part) = (id, id.rsplit_once('#'));
        for (id, call) in [(whole, None)].into_iter().chain(part.map(|(id, call)| (id, Some(call)))) {
            let Ok(id) = id.parse::<MessageId>() else { continue };
            let found = self.memory.message(&id, Some(&named)).await.map_err(|error| trouble(&error))?;
            if let Some(message) = found {
                let text = text_of(&message, call);
                return piece(whole, message.timestamp, role_word(message.role), &text, asked.offset);
            }
        }
        Err(format!(
            "There is no message `{id}`. Take an id from memory_search or from a note about a cut; an imported message needs its \
             `conversation`, too."
        ))
    }
}

/// The text of a message, or of the result of one call in it.
fn text_of(message: &Message, call: Option<&str>) -> String {
    let mut text = String::new();
    for block in &message.content {
        let (said, of) = match block {
            ContentBlock::Text(said) => (said.clone(), None),
            ContentBlock::ToolResult(result) => (result.content.clone(), Some(&result.call_id)),
            ContentBlock::ToolCall(made) => (format!("{} {}", made.name, made.arguments), Some(&made.id)),
        };
        if call.is_some_and(|call| of.is_none_or(|of| of != call)) {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&said);
    }
    text
}

/// A piece of a text from a character on, with where it goes on.
fn piece(id: &str, at: Timestamp, what: &str, text: &str, offset: usize) -> Told {
    let chars = text.chars().count();
    if offset > 0 && offset >= chars {
        return Err(format!("`{id}` has {chars} characters; `offset` must be less."));
    }
    let shown: String = text.chars().skip(offset).take(PIECE_CHARS).collect();
    let end = offset + shown.chars().count();
    let mut told = entry(id, at, what, &shown);
    if offset > 0 || end < chars {
        told.push_str(&format!("\n[characters {offset} to {end} of {chars}"));
        if end < chars {
            told.push_str(&format!("; go on with \"offset\":{end}"));
        }
        told.push(']');
    }
    Ok(told)
}

fn listed(lines: &[String], total: usize) -> String {
    if lines.is_empty() {
        return "Nothing found. Other words may find it.".to_owned();
    }
    let shown = lines.len();
    let head = if shown < total { format!("{shown} of {total}:\n") } else { String::new() };
    head + &lines.join("\n")
}

fn hit_line(hit: &SearchHit, present: &ConversationId) -> String {
    let mut what = match (hit.role, &hit.source) {
        (Some(role), _) => role_word(role).to_owned(),
        (None, Some(source)) => source.clone(),
        (None, None) => "remembered".to_owned(),
    };
    // A message of another conversation may only be found with its name.
    if let Some(conversation) = hit.conversation.as_ref().filter(|conversation| *conversation != present) {
        what.push_str(" in ");
        what.push_str(conversation.as_str());
    }
    entry(&hit.id, hit.timestamp, &what, &passage(&hit.content))
}

pub(super) fn entry_line(of: &MemoryEntry) -> String {
    entry(&of.id.to_string(), of.id.created_at(), &entry_kind(of), &passage(&of.content))
}

/// The kind, and what has become of it.
fn entry_kind(entry: &MemoryEntry) -> String {
    let mut kind = entry.kind.as_str().to_owned();
    if let Some(at) = entry.completed_at {
        kind.push_str(&format!(", done {}", day(at)));
    }
    if let Some(at) = entry.expires_at {
        kind.push_str(&format!(", until {}", day(at)));
    }
    if let Some(by) = entry.superseded_by {
        kind.push_str(&format!(", superseded by {by}"));
    }
    kind
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::User => "user said",
        Role::Assistant => "assistant said",
        Role::Tool => "tool result",
        Role::System => "system",
    }
}

fn passage(text: &str) -> String {
    let mut passage: String = text.chars().take(PASSAGE_CHARS).collect();
    if passage.len() < text.len() {
        passage.push('…');
    }
    passage
}
