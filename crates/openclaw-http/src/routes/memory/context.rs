//! What a run's prompt was made of.

use openclaw_core::{
    ConversationId, Failure, MessageId, RunId,
    port::{MemoryError, MemoryPort},
};

use super::Ask;
use crate::{
    respond::{self, Answer, Refusal},
    wire::context::{Context, MessageContext},
};

/// Most characters of a memory that are told.
const SHOWN_CHARS: usize = 300;

/// What a run's prompt was made of, without what the memories say.
pub(crate) async fn of_run(memory: &dyn MemoryPort, run: RunId) -> Result<Option<Context>, MemoryError> {
    Ok(memory.context_note(run).await?.map(Context::from))
}

/// `GET /message/:id/context`.
pub(super) async fn of_message(ask: &Ask<'_>) -> Answer {
    let unknown = || Refusal::from(Failure::not_found("message", ask.parameter));
    let of_message = |text: &str| text.parse().ok().and_then(|id: MessageId| RunId::of_message(&id));
    let id =
        RunId::parse_any(ask.parameter).ok().or_else(|| of_message(ask.parameter)).ok_or_else(unknown)?;
    let run = ask.memory.run(id).await?.ok_or_else(unknown)?;
    let mut context = of_run(ask.memory, id).await?;
    for memory in context.iter_mut().flat_map(|context| &mut context.memories) {
        memory.content = says(ask, &memory.id, &run.conversation).await?;
    }
    let reply_id = id.reply_id();
    Ok(respond::ok(&MessageContext { id, conversation_id: &run.conversation, reply_id, context }))
}

/// How a memory begins, as far as it can be found by its id: remembered entries and messages.
async fn says(ask: &Ask<'_>, id: &str, conversation: &ConversationId) -> Result<Option<String>, MemoryError> {
    if let Ok(id) = id.parse() {
        return Ok(ask.curation.entry(id).await?.map(|entry| begin(&entry.content)));
    }
    let Ok(id) = id.parse::<MessageId>() else { return Ok(None) };
    let message = ask.memory.message(&id, Some(conversation)).await?;
    Ok(message.map(|message| begin(&message.text())))
}

fn begin(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
