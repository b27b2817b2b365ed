//! Commands.

use openclaw_core::port::Decision;
use tracing::warn;

use super::Desk;
use crate::{
    commands::{self, Command},
    journal::{ChatKey, JournalError},
    message::Inbound,
};

impl Desk {
    /// Carries a command out and says so.
    pub(super) async fn obey(
        &self,
        command: Command,
        message: &Inbound,
        chat: &ChatKey,
    ) -> Result<(), JournalError> {
        let text = match command {
            Command::New => {
                self.new_conversation(chat).await?;
                "A new conversation begins. What was said before stays in the memory.".to_owned()
            }
            Command::Stop => self.stop_runs(chat).await,
            Command::Status => self.status(chat),
            Command::Help => commands::help(self.parts.adapter.command_mark()),
            Command::Missed => {
                let count = self.parts.outbox.send_expired(&chat.address).await?;
                if count > 0 {
                    // The answers speak for themselves.
                    return Ok(());
                }
                "There are no answers that you missed.".to_owned()
            }
            // A group that is let in as a whole has members whom the owner never saw.
            Command::Approve if !self.parts.access.is_named(&message.sender.id) => {
                "Only people whom my owner has let in by name may allow that.".to_owned()
            }
            Command::Approve => self.decide(chat, true).await,
            Command::Deny => self.decide(chat, false).await,
        };
        self.parts.notices.say(&message.address, Some(&message.id), &text).await;
        Ok(())
    }

    async fn stop_runs(&self, chat: &ChatKey) -> String {
        let open = self.parts.outbox.open(chat);
        let mut stopped = 0;
        for run in open {
            match self.parts.agent.cancel(run).await {
                Ok(Some(_)) => stopped += 1,
                Ok(None) => {}
                Err(error) => warn!(channel = &*self.parts.kind, %run, %error, "a run can't be stopped"),
            }
        }
        match stopped {
            0 => "Nothing is under way.".to_owned(),
            1 => "Stopped.".to_owned(),
            many => format!("Stopped {many} answers."),
        }
    }

    fn status(&self, chat: &ChatKey) -> String {
        let stats = self.parts.agent.stats();
        let model = match (&stats.primary_provider, &stats.primary_model) {
            (Some(provider), Some(model)) => format!("`{model}` by {provider}"),
            _ => "no model is configured".to_owned(),
        };
        let open = self.parts.outbox.open(chat).len();
        format!("I'm here. Model: {model}. Answers under way: {open} here, {} over all.", stats.active_runs)
    }

    async fn decide(&self, chat: &ChatKey, approve: bool) -> String {
        for run in self.parts.outbox.open(chat) {
            let decision = Decision { call_id: None, approve, reason: None };
            match self.parts.agent.approve(run, decision).await {
                Ok(Some(calls)) if !calls.is_empty() => {
                    return if approve { "Allowed." } else { "Denied." }.to_owned();
                }
                Ok(_) => {}
                Err(error) => warn!(channel = &*self.parts.kind, %run, %error, "a decision can't be told"),
            }
        }
        "Nothing waits for your word.".to_owned()
    }
}
