//! Several sources of tools as one.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use openclaw_core::{
    ToolCall, ToolDefinition, ToolResult,
    port::{Judgement, ToolContext, ToolPort},
};
use tracing::warn;

/// Tools from several sources, in their order. Of two with one name the earlier source's counts; the other is not offered.
pub struct JoinedTools {
    sources: Vec<Arc<dyn ToolPort>>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Which source has the tool of a name.
    owners: HashMap<String, usize>,
    /// Clashes that were told of.
    told: HashSet<String>,
}

impl fmt::Debug for JoinedTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinedTools").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

impl JoinedTools {
    /// The tools of `sources`.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn ToolPort>>) -> Self {
        Self { sources, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose tool this is. One that nobody is known to have may be new.
    async fn owner(&self, name: &str) -> Option<Arc<dyn ToolPort>> {
        if !self.known().owners.contains_key(name) {
            self.definitions().await;
        }
        let owner = self.known().owners.get(name).copied()?;
        self.sources.get(owner).map(Arc::clone)
    }
}

#[async_trait]
impl ToolPort for JoinedTools {
    async fn definitions(&self) -> Vec<ToolDefinition> {
        let mut offered = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            offered.push(source.definitions().await);
        }
        let mut known = self.known();
        known.owners.clear();
        let mut all = Vec::with_capacity(offered.iter().map(Vec::len).sum());
        for (owner, tools) in offered.into_iter().enumerate() {
            for tool in tools {
                if known.owners.contains_key(&tool.name) {
                    if !known.told.contains(&tool.name) {
                        warn!(tool = %tool.name, "two tools have this name; the built-in or earlier one is offered, rename the other");
                        known.told.insert(tool.name);
                    }
                    continue;
                }
                known.owners.insert(tool.name.clone(), owner);
                all.push(tool);
            }
        }
        all
    }

    async fn judge(&self, call: &ToolCall) -> Judgement {
        match self.owner(&call.name).await {
            Some(source) => source.judge(call).await,
            None => Judgement::unknown(),
        }
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> ToolResult {
        match self.owner(&call.name).await {
            Some(source) => source.call(call, context).await,
            None => ToolResult {
                call_id: call.id.clone(),
                name: call.name.clone(),
                content: format!("There is no tool `{}`.", call.name),
                is_error: true,
            },
        }
    }
}
