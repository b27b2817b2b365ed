//! Claude's export: `conversations.json` holds an array of conversations, each with its messages in order.

use openclaw_core::{Role, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{Item, conversation_id, message_id, pieces::Spoken};

const CHANNEL: &str = "claude";

#[derive(Deserialize)]
pub(super) struct Conversation {
    uuid: String,
    #[serde(default)]
    created_at: Option<Timestamp>,
    chat_messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    uuid: Option<String>,
    sender: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    created_at: Option<Timestamp>,
    #[serde(default)]
    attachments: Value,
}

impl Conversation {
    /// Its messages, first to last.
    pub(super) fn items(&self, line: u64) -> Result<Vec<Item>, String> {
        let conversation = conversation_id(&self.uuid, CHANNEL);
        let mut items = Vec::new();
        let mut time = self.created_at.unwrap_or(Timestamp::from_unix_millis(0));
        for (at, message) in self.chat_messages.iter().enumerate() {
            time = message.created_at.unwrap_or(time);
            let role = match message.sender.as_str() {
                "human" | "user" => Role::User,
                "assistant" => Role::Assistant,
                "system" => Role::System,
                other => return Err(format!("a message is by `{other}`, who is nobody that is known")),
            };
            let text = message.says();
            if text.trim().is_empty() {
                continue;
            }
            let id = message_id(message.uuid.as_deref(), &conversation, at);
            Spoken {
                conversation: &conversation,
                channel: CHANNEL,
                role,
                text: &text,
                timestamp: time,
                id,
                at: line,
            }
            .push_to(&mut items);
        }
        Ok(items)
    }
}

impl Message {
    /// The text blocks (older exports have one text instead), and the text of what was attached.
    fn says(&self) -> String {
        let blocks = self.content.as_array().into_iter().flatten();
        let said: Vec<&str> = blocks
            .filter(|block| block["type"] == "text")
            .filter_map(|block| block["text"].as_str())
            .filter(|text| !text.is_empty())
            .collect();
        let mut text =
            if said.is_empty() { self.text.clone().unwrap_or_default() } else { said.join("\n\n") };
        for file in self.attachments.as_array().into_iter().flatten() {
            let Some(content) = file["extracted_content"].as_str().filter(|content| !content.is_empty())
            else {
                continue;
            };
            let name = file["file_name"].as_str().filter(|name| !name.is_empty()).unwrap_or("attachment");
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&format!("[{name}]\n{content}"));
        }
        text
    }
}
