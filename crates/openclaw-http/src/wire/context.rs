//! What a run's prompt was made of.

use openclaw_core::{
    ConversationId, MessageId, RunId,
    port::{ContextCut, ContextMemory, ContextNote},
};
use serde::Serialize;

/// What a run's prompt was made of, of a message.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct MessageContext<'a> {
    /// The run's id.
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) id: RunId,
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) conversation_id: &'a ConversationId,
    /// The id that the reply has, or will have.
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) reply_id: MessageId,
    /// Null when nothing was noted: the run has not begun, or is older than such notes.
    pub(crate) context: Option<Context>,
}

/// What a prompt was made of.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Context {
    /// Size of the model's window, in tokens.
    window: u32,
    tokens: ContextTokens,
    /// Messages of the recent conversation that went in.
    recent_messages: u32,
    /// Memories that went in, best first.
    pub(crate) memories: Vec<Memory>,
    /// What was cut or left out.
    cuts: Vec<ContextCut>,
}

/// Tokens of each part, as estimated.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct ContextTokens {
    instructions: u32,
    recent: u32,
    memories: u32,
    tools: u32,
}

/// A memory that went into a prompt.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ContextMemoryItem"))]
pub(crate) struct Memory {
    pub(crate) id: String,
    /// The weighted sum of the factors.
    score: f32,
    factors: Factors,
    /// How it begins; left out where it is not told, or no longer there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
}

/// 0 to 1 each.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ContextFactors"))]
struct Factors {
    relevance: f32,
    importance: f32,
    recency: f32,
    frequency: f32,
}

impl From<ContextNote> for Context {
    fn from(note: ContextNote) -> Self {
        let [instructions, recent, memories, tools] = note.tokens;
        Self {
            window: note.window,
            tokens: ContextTokens { instructions, recent, memories, tools },
            recent_messages: note.recent,
            memories: note.memories.into_iter().map(Memory::from).collect(),
            cuts: note.cuts,
        }
    }
}

impl From<ContextMemory> for Memory {
    fn from(memory: ContextMemory) -> Self {
        let [relevance, importance, recency, frequency] = memory.factors;
        let factors = Factors { relevance, importance, recency, frequency };
        Self { id: memory.id, score: memory.score, factors, content: None }
    }
}
