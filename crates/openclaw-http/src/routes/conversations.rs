//! `/conversations`: list, read, erase.

use openclaw_core::{ConversationFilter, ConversationId, Failure, MessageWindow, Role, RunId, limits};

use super::memory::of_run;
use crate::{
    exchange::check_channel,
    handle::Call,
    query::Query,
    respond::{self, Answer, Refusal},
    wire::conversation::{
        Conversation, ConversationDeleted, ConversationItem, ConversationList, MessageItem,
    },
};

/// `GET /conversations`.
pub(crate) async fn list(call: &Call) -> Answer {
    let query = Query::parse(call.parts.uri.query())?;
    let (least, unsaid, most) = limits::CONVERSATIONS_PAGE;
    let limit = query.number("limit", least, most)?.unwrap_or(unsaid);
    let offset = query.number("offset", 0, usize::MAX)?.unwrap_or(0);
    // Imported conversations have channels of any name.
    let channel = query.get("channel");
    channel.map_or(Ok(()), check_channel)?;
    let filter = ConversationFilter {
        channel: channel.map(str::to_owned),
        since: query.time("since")?,
        until: query.time("until")?,
        limit,
        offset,
    };
    let page = call.conn.app.services.memory.conversations(filter).await?;
    let conversations = page.conversations.iter().map(ConversationItem::from).collect();
    Ok(respond::ok(&ConversationList { conversations, total: page.total, limit, offset }))
}

/// The conversation that the path names. A text that can't be an id names none.
fn id(call: &Call) -> Result<ConversationId, Refusal> {
    call.parameter.parse().map_err(|_| unknown(call))
}

fn unknown(call: &Call) -> Refusal {
    Failure::not_found("conversation", &call.parameter).into()
}

/// `GET /conversations/:id`.
pub(crate) async fn get(call: &Call) -> Answer {
    let query = Query::parse(call.parts.uri.query())?;
    let window =
        MessageWindow { limit: query.number("limit", 1, usize::MAX)?, before: query.parsed("before")? };
    let explain = query.flag("explain")?;
    let id = id(call)?;
    let memory = &call.conn.app.services.memory;
    let view = memory.conversation(&id, window).await?.ok_or_else(|| unknown(call))?;
    let mut messages: Vec<_> = view.messages.iter().map(MessageItem::from).collect();
    if explain {
        for (message, item) in view.messages.iter().zip(&mut messages) {
            if let Some(run) = RunId::of_message(&message.id).filter(|_| message.role == Role::Assistant) {
                item.context = of_run(&**memory, run).await?;
            }
        }
    }
    Ok(respond::ok(&Conversation { item: ConversationItem::from(&view.summary), messages }))
}

/// `DELETE /conversations/:id`.
pub(crate) async fn delete(call: &Call) -> Answer {
    let id = id(call)?;
    let erased = call.conn.app.services.agent.erase_conversation(&id).await?.ok_or_else(|| unknown(call))?;
    Ok(respond::ok(&ConversationDeleted {
        deleted: true,
        id: id.as_str(),
        messages_deleted: erased.messages,
        memories_deleted: erased.memories,
    }))
}
