//! `gateway memory rewind`: the memory as it was.

use openclaw_core::{
    ContentBlock, ConversationFilter, ConversationId, Message, MessageWindow, Role,
    port::{MemoryError, MemoryType, SearchQuery},
};
use openclaw_memory::Past;
use serde_json::{Value, json};

use super::{
    access::open_here,
    args::{Look, Output, Part, Rewind, Search},
    show::{columns, counted, cut, json as print_json, minute, one_line, text},
    talk::results,
};
use crate::{
    cli::Options,
    config::Environment,
    exit::{Exit, Stop},
    output::{deliver, harmless},
    run_file, settings,
};

/// Conversations that are listed at a time.
const PAGE: usize = 100;

/// Looks back.
pub(super) async fn rewind(
    rewind: Rewind,
    options: &Options,
    environment: &Environment,
) -> Result<Exit, Stop> {
    let home = settings::home(options, environment)?;
    if let Some(running) = run_file::running(&home) {
        let what = format!("a gateway (process {}) uses the memory; stop it to look back", running.pid);
        return Err(Stop::new(Exit::InUse, what));
    }
    let memory = open_here(&home, options, environment, false)?;
    let past = memory.view_at(rewind.to);
    let looked = match &rewind.look {
        Look::List(output) => list(&past, *output).await,
        Look::Show { conversation, output } => show(&past, conversation, *output).await,
        Look::Search(words) => search(&past, words).await,
    };
    memory.close().await;
    looked
}

fn failed(error: &MemoryError) -> Stop {
    Stop::because(Exit::Failure, error)
}

async fn list(past: &Past<'_>, output: Output) -> Result<Exit, Stop> {
    let (mut all, columns) = (Vec::new(), columns());
    loop {
        let filter = ConversationFilter { limit: PAGE, offset: all.len(), ..ConversationFilter::default() };
        let page = past.conversations(filter).await.map_err(|error| failed(&error))?;
        let got = page.conversations.len();
        all.extend(page.conversations.into_iter().map(|item| {
            json!({"id": item.id, "channel": item.channel, "created_at": item.created_at,
                "last_message_at": item.last_message_at, "message_count": item.message_count, "summary": item.summary})
        }));
        if got < PAGE {
            break;
        }
    }
    if output.json {
        print_json(&json!({"total": all.len(), "conversations": all}))?;
        return Ok(Exit::Ok);
    }
    let mut told = String::new();
    for item in &all {
        let line = format!(
            "{}  {}  {}  {}",
            minute(&item["last_message_at"]),
            text(&item["id"]),
            counted(item["message_count"].as_u64().unwrap_or_default(), "message", "messages"),
            one_line(item["summary"].as_str().unwrap_or_default(), None)
        );
        told.push_str(&columns.map_or_else(|| line.clone(), |columns| cut(&line, columns)));
        told.push('\n');
    }
    if all.is_empty() {
        told.push_str("nothing had been said by then\n");
    }
    deliver(&told)?;
    Ok(Exit::Ok)
}

async fn show(past: &Past<'_>, id: &ConversationId, output: Output) -> Result<Exit, Stop> {
    let view = past.conversation(id, MessageWindow::default()).await.map_err(|error| failed(&error))?;
    let view = view.ok_or_else(|| {
        Stop::new(
            Exit::Failure,
            format!(
                "there was no conversation {id} then; gateway memory rewind … list shows those there were"
            ),
        )
    })?;
    if output.json {
        let messages: Vec<Value> = view
            .messages
            .iter()
            .map(|message| {
                json!({"id": message.id, "role": message.role, "content": said(message), "timestamp": message.timestamp})
            })
            .collect();
        print_json(&json!({"id": id, "channel": view.summary.channel, "messages": messages}))?;
        return Ok(Exit::Ok);
    }
    let mut told = String::new();
    for message in &view.messages {
        let who = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let time = minute(&json!(message.timestamp));
        told.push_str(&format!("{time}  {who}\n{}\n\n", harmless(&said(message))));
    }
    deliver(&told)?;
    Ok(Exit::Ok)
}

/// What a message says, tools included.
fn said(message: &Message) -> String {
    let blocks = message.content.iter().map(|block| match block {
        ContentBlock::Text(text) => text.clone(),
        ContentBlock::ToolCall(call) => format!("[{} {}]", call.name, call.arguments),
        ContentBlock::ToolResult(result) => result.content.clone(),
    });
    blocks.collect::<Vec<_>>().join("\n")
}

async fn search(past: &Past<'_>, search: &Search) -> Result<Exit, Stop> {
    let query = SearchQuery {
        query: search.words.join(" "),
        limit: usize::from(search.limit),
        kind: match search.kind {
            Part::All => MemoryType::All,
            Part::Wal => MemoryType::Wal,
            Part::Compacted => MemoryType::Compacted,
        },
        since: search.since,
        until: search.until,
        channel: search.channel.clone(),
        conversation: search.conversation.clone(),
    };
    let found = past.search(query).await.map_err(|error| failed(&error))?;
    let hits: Vec<Value> = found
        .hits
        .iter()
        .map(|hit| {
            let kind = if hit.kind == MemoryType::Compacted { "compacted" } else { "wal" };
            json!({"id": hit.id, "type": kind, "content": hit.content, "score": hit.score, "timestamp": hit.timestamp,
                "conversation_id": hit.conversation, "channel": hit.channel, "role": hit.role, "source": hit.source})
        })
        .collect();
    let found = json!({"results": hits, "total": found.total, "query": search.words.join(" ")});
    if search.output.json {
        print_json(&found)?;
    } else {
        deliver(&results(&found, columns()))?;
    }
    Ok(Exit::Ok)
}
