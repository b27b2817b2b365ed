//! The memory as tools: a model looks things up, remembers, forgets, and reads what was cut out of its prompt.
//!
//! What can go wrong is told as a result that says what to do next. Everything that comes back is bounded, and is marked as
//! the words of others. A model can take back what was remembered, one entry by its exact id at a time; what was said is not its to
//! erase.

mod arguments;
mod curate;
mod define;
mod join;
mod look;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use openclaw_core::{
    RunId, ToolCall, ToolDefinition, ToolResult,
    port::{CurationPort, MemoryError, MemoryPort, ToolContext, ToolPort},
};

pub use self::join::JoinedTools;

/// Finds what was said or remembered.
pub(crate) const SEARCH: &str = "memory_search";
/// Shows a message or an entry in pieces.
pub(crate) const READ: &str = "memory_read";
/// Remembers something.
const STORE: &str = "memory_store";
/// Takes an entry back.
const FORGET: &str = "memory_forget";

/// Whether a tool of this name is the memory's.
pub(crate) fn is_own(name: &str) -> bool {
    [SEARCH, READ, STORE, FORGET].contains(&name)
}

/// Runs whose forgetting is counted; older ones have ended.
const COUNTED_RUNS: usize = 256;

/// What a call comes to: words for the model, for better or for worse.
type Told = Result<String, String>;

/// The tools `memory_search` and `memory_read`, and, with something that looks after the memory, `memory_store` and
/// `memory_forget`.
pub struct MemoryTools {
    memory: Arc<dyn MemoryPort>,
    curation: Option<Arc<dyn CurationPort>>,
    definitions: Vec<ToolDefinition>,
    /// How many entries each of the latest runs has had forgotten.
    forgotten: Mutex<VecDeque<(RunId, usize)>>,
}

impl fmt::Debug for MemoryTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.definitions.iter().map(|tool| tool.name.as_str()).collect();
        f.debug_struct("MemoryTools").field("names", &names).finish_non_exhaustive()
    }
}

impl MemoryTools {
    /// Tools over `memory`; those that change it need `curation`.
    #[must_use]
    pub fn new(memory: Arc<dyn MemoryPort>, curation: Option<Arc<dyn CurationPort>>) -> Self {
        let definitions = define::all(curation.is_some());
        Self { memory, curation, definitions, forgotten: Mutex::default() }
    }

    /// Whether `name` is one of these tools.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.definitions.iter().any(|tool| tool.name == name)
    }

    async fn told(&self, call: &ToolCall, context: &ToolContext) -> Told {
        match (call.name.as_str(), &self.curation) {
            (SEARCH, _) => self.search(arguments::read(call)?, context).await,
            (READ, _) => self.read(arguments::read(call)?, context).await,
            (STORE, Some(curation)) => curate::store(&**curation, arguments::read(call)?, context).await,
            (FORGET, Some(curation)) => self.forget(&**curation, arguments::read(call)?, context).await,
            (other, _) => Err(format!("There is no tool `{other}`.")),
        }
    }
}

#[async_trait]
impl ToolPort for MemoryTools {
    async fn definitions(&self) -> Vec<ToolDefinition> {
        self.definitions.clone()
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> ToolResult {
        let told = context.cancel.run_until_cancelled(self.told(call, context)).await;
        let (content, is_error) = match told {
            Some(Ok(content)) => (content, false),
            Some(Err(content)) => (content, true),
            None => ("The run was cancelled.".to_owned(), true),
        };
        ToolResult { call_id: call.id.clone(), name: call.name.clone(), content, is_error }
    }
}

/// What the memory could not do, for the model.
fn trouble(error: &MemoryError) -> String {
    let advice = if error.is_retryable() { "try once more later" } else { "tell the user" };
    format!("The memory could not do it: {error}; {advice}.")
}
