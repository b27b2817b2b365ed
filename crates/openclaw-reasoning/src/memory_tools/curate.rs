//! Remembering and forgetting.

use std::sync::PoisonError;

use openclaw_core::{
    MemoryId, NewMemory, RunId, Timestamp, limits,
    port::{CurationPort, ToolContext},
};

use super::{
    COUNTED_RUNS, MemoryTools, Told,
    arguments::{Day, Forget, Store, time},
    look::entry_line,
    trouble,
};

/// Importance of what a model doesn't weigh.
const IMPORTANCE: f32 = 0.5;
/// Most entries that one run forgets.
const FORGOTTEN_PER_RUN: usize = 5;

/// Remembers, with the conversation and the user's message of the run as where it comes from.
pub(super) async fn store(curation: &dyn CurationPort, asked: Store, context: &ToolContext) -> Told {
    let content = asked.content.trim();
    if content.is_empty() {
        return Err("Say what to remember in `content`.".to_owned());
    }
    if content.len() > limits::MEMORY_BYTES {
        let most = limits::MEMORY_BYTES;
        return Err(format!("`content` has {} bytes, at most {most} go: remember the gist.", content.len()));
    }
    let expires_at = time("expires_at", asked.expires_at.as_deref(), Day::End)?;
    if expires_at.is_some_and(|at| at <= Timestamp::now()) {
        return Err("`expires_at` has passed already: nothing was remembered.".to_owned());
    }
    let supersedes = match asked.supersedes.as_deref().map(str::trim).filter(|id| !id.is_empty()) {
        None => None,
        Some(text) => {
            let id = memory_id("supersedes", text)?;
            let known = curation.entry(id).await.map_err(|error| trouble(&error))?;
            known.ok_or_else(|| format!("There is no entry {id} to supersede: nothing was remembered."))?;
            Some(id)
        }
    };
    let source = context.run.user_message_id();
    let new = NewMemory {
        kind: asked.kind,
        content: content.to_owned(),
        importance: asked
            .importance
            .filter(|weight| weight.is_finite())
            .unwrap_or(IMPORTANCE)
            .clamp(0.0, 1.0),
        tags: tags(asked.tags)?,
        expires_at,
        conversation: Some(context.conversation.clone()),
        sources: vec![source.clone()],
        supersedes,
    };
    let entry = curation.remember(new).await.map_err(|error| trouble(&error))?;
    let (id, kind) = (entry.id, entry.kind.as_str());
    Ok(match supersedes {
        _ if !entry.sources.contains(&source) => format!("Known already as {id} ({kind})."),
        Some(old) => format!("Remembered as {id} ({kind}); it takes the place of {old}."),
        None => format!("Remembered as {id} ({kind})."),
    })
}

fn tags(tags: Vec<String>) -> Result<Vec<String>, String> {
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = tag.trim();
        if tag.len() > limits::MEMORY_TAG_BYTES {
            return Err(format!("The tag `{tag}` is too long: at most {} bytes.", limits::MEMORY_TAG_BYTES));
        }
        if !tag.is_empty() && !kept.iter().any(|known| known == tag) {
            kept.push(tag.to_owned());
        }
    }
    if kept.len() > limits::MEMORY_TAGS {
        return Err(format!("{} tags are too many: at most {}.", kept.len(), limits::MEMORY_TAGS));
    }
    Ok(kept)
}

fn memory_id(field: &str, text: &str) -> Result<MemoryId, String> {
    text.parse().map_err(|_| {
        if text.starts_with("msg_") {
            format!("`{text}` is a message, not a remembered entry: users erase messages themselves, with their conversation.")
        } else {
            format!("`{field}` must be the exact id of an entry, mem_ and 26 characters; memory_search shows it.")
        }
    })
}

impl MemoryTools {
    /// Erases one entry that exists. Few in one run, so that a text that talks a model into it can't empty the memory.
    pub(super) async fn forget(
        &self,
        curation: &dyn CurationPort,
        asked: Forget,
        context: &ToolContext,
    ) -> Told {
        let id = memory_id("id", asked.id.trim())?;
        if !self.may_forget(context.run) {
            return Err(format!(
                "{FORGOTTEN_PER_RUN} entries were forgotten for this message already, that is the most: tell the user which, and ask \
                 whether to go on."
            ));
        }
        let gone = curation.forget(id).await.map_err(|error| trouble(&error))?;
        match gone {
            Some(entry) => Ok(format!("Forgotten, for good: {}", entry_line(&entry))),
            None => Err(format!("There is no entry {id}: nothing was forgotten.")),
        }
    }

    fn may_forget(&self, run: RunId) -> bool {
        let mut runs = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        match runs.iter_mut().find(|(of, _)| *of == run) {
            Some((_, times)) if *times >= FORGOTTEN_PER_RUN => return false,
            Some((_, times)) => *times += 1,
            None => {
                if runs.len() == COUNTED_RUNS {
                    runs.pop_front();
                }
                runs.push_back((run, 1));
            }
        }
        true
    }
}
