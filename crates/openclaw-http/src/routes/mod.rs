//! What each endpoint does.

mod channels;
mod config;
mod conversations;
pub(crate) mod health;
pub(crate) mod logs;
pub(crate) mod memory;
mod message;
mod skills;
mod status;

use crate::{handle::Call, respond::Answer, router::Operation, ws};

pub(crate) async fn dispatch(operation: Operation, call: &mut Call) -> Answer {
    match operation {
        Operation::Health => Ok(health::get(&call.conn.app)),
        Operation::Status => status::get(call).await,
        Operation::PostMessage => message::post(call).await,
        Operation::MessageStatus => message::get_status(call).await,
        Operation::MessageStream => message::get_stream(call).await,
        Operation::ApproveMessage => message::approve(call).await,
        Operation::CancelMessage => message::cancel(call).await,
        Operation::ListConversations => conversations::list(call).await,
        Operation::GetConversation => conversations::get(call).await,
        Operation::DeleteConversation => conversations::delete(call).await,
        Operation::MessageContext
        | Operation::MemoryStats
        | Operation::SearchMemory
        | Operation::PruneMemory
        | Operation::ListEntries
        | Operation::Remember
        | Operation::GetEntry
        | Operation::ForgetEntry
        | Operation::CompleteEntry
        | Operation::Compact
        | Operation::CompactionHistory
        | Operation::CollectGarbage
        | Operation::VerifyMemory
        | Operation::ImportMemory
        | Operation::ExportMemory => memory::dispatch(operation, call).await,
        Operation::ListSkills => skills::list(call).await,
        Operation::InstallSkill => skills::install(call).await,
        Operation::RemoveSkill => skills::remove(call).await,
        Operation::ListChannels => channels::list(call).await,
        Operation::ChannelStatus => channels::status(call).await,
        Operation::PairChannel => channels::pair(call).await,
        Operation::ListPaired => channels::paired(call).await,
        Operation::UnpairUser => channels::unpair(call).await,
        Operation::ChannelWebhook => channels::webhook(call).await,
        Operation::GetConfig => config::get(call),
        Operation::PutConfig => config::put(call).await,
        Operation::Logs => logs::get(call).await,
        Operation::WebSocket => ws::upgrade(call),
    }
}
