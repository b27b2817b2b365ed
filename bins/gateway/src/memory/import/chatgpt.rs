//! ChatGPT's export: `conversations.json` holds an array of conversations, each a tree of messages. The branch that is
//! imported is the one the user saw last, from `current_node` up to the root.

use std::collections::{HashMap, HashSet};

use openclaw_core::{Role, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{Item, conversation_id, message_id, pieces::Spoken};

const CHANNEL: &str = "chatgpt";
/// Kinds of content that the model said to itself, or was told about the user by the settings.
const UNSAID: [&str; 4] = ["thoughts", "reasoning_recap", "user_editable_context", "model_editable_context"];

#[derive(Deserialize)]
pub(super) struct Conversation {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    conversation_id: Option<String>,
    #[serde(default)]
    create_time: Option<f64>,
    #[serde(default)]
    current_node: Option<String>,
    mapping: HashMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    children: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    id: Option<String>,
    author: Author,
    #[serde(default)]
    create_time: Option<f64>,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Author {
    role: String,
}

impl Conversation {
    /// Its messages, first to last.
    pub(super) fn items(&self, line: u64) -> Result<Vec<Item>, String> {
        let foreign =
            self.conversation_id.as_deref().or(self.id.as_deref()).ok_or("a conversation has no `id`")?;
        let conversation = conversation_id(foreign, CHANNEL);
        let mut items = Vec::new();
        // What has no time of its own was said when the one before it was.
        let mut time = self.create_time.map_or(Timestamp::from_unix_millis(0), seconds);
        for (at, (node, message)) in self.branch().into_iter().enumerate() {
            time = message.create_time.map_or(time, seconds);
            let text = text(message);
            let role = match message.author.role.as_str() {
                "user" => Role::User,
                "assistant" => Role::Assistant,
                "system" => Role::System,
                "tool" => Role::Tool,
                other => return Err(format!("a message is by `{other}`, which is no role that is known")),
            };
            if text.trim().is_empty() {
                continue;
            }
            let id = message_id(message.id.as_deref().or(Some(node)), &conversation, at);
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

    /// The messages from the root to the node that was current.
    fn branch(&self) -> Vec<(&str, &Message)> {
        let current = self.current_node.as_deref().filter(|node| self.mapping.contains_key(*node));
        let mut next = current.or_else(|| self.latest_leaf());
        let (mut branch, mut seen) = (Vec::new(), HashSet::new());
        while let Some(name) = next.filter(|name| seen.insert(*name)) {
            let Some((name, node)) = self.mapping.get_key_value(name) else { break };
            branch.extend(node.message.as_ref().map(|message| (name.as_str(), message)));
            next = node.parent.as_deref();
        }
        branch.reverse();
        branch
    }

    fn latest_leaf(&self) -> Option<&str> {
        let leaves = self.mapping.iter().filter(|(_, node)| node.children.as_ref().is_none_or(Vec::is_empty));
        let time = |node: &Node| node.message.as_ref().and_then(|message| message.create_time).unwrap_or(0.0);
        leaves
            .max_by(|(a, x), (b, y)| time(x).total_cmp(&time(y)).then_with(|| a.cmp(b)))
            .map(|(name, _)| name.as_str())
    }
}

/// What a message says; empty when it was shown to nobody.
fn text(message: &Message) -> String {
    let content = &message.content;
    let kind = content["content_type"].as_str().unwrap_or_default();
    if message.metadata["is_visually_hidden_from_conversation"] == true || UNSAID.contains(&kind) {
        return String::new();
    }
    let parts: Vec<&str> = content["parts"].as_array().into_iter().flatten().filter_map(part).collect();
    if !parts.is_empty() {
        return without_marks(&parts.join("\n"));
    }
    let plain = content["text"].as_str().or_else(|| content["result"].as_str()).unwrap_or_default();
    match (content["title"].as_str(), content["url"].as_str()) {
        (Some(title), Some(url)) => format!("{title}\n{url}\n{plain}"),
        _ => plain.to_owned(),
    }
}

/// Where a mark in the text begins, and ends: `cite`, `search` and others, a separator, and what they point to in the program.
const MARK: (char, char) = ('\u{e200}', '\u{e201}');
/// What else only that program understands: separators in a mark, and the bounds of the words that one is about.
const SIGNS: std::ops::RangeInclusive<char> = '\u{e200}'..='\u{e206}';

/// The text without its marks. A mark that has no end is only a sign.
fn without_marks(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut pieces = text.split(MARK.0);
    kept.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (mark, behind) = piece.split_once(MARK.1).unwrap_or(("", piece));
        kept.push_str(&named(mark));
        kept.push_str(behind);
    }
    kept.retain(|c| !SIGNS.contains(&c));
    kept
}

/// What a mark says to people: `entity` stands where a name would.
fn named(mark: &str) -> String {
    let list = mark.strip_prefix("entity\u{e202}").and_then(|list| serde_json::from_str::<Value>(list).ok());
    list.and_then(|list| list[1].as_str().map(str::to_owned)).unwrap_or_default()
}

fn part(part: &Value) -> Option<&str> {
    let text = part.as_str().or_else(|| part["text"].as_str());
    match part["content_type"].as_str() {
        Some("image_asset_pointer") => Some("[image]"),
        _ => text.filter(|text| !text.is_empty()),
    }
}

/// Seconds since 1970 with a fraction.
fn seconds(seconds: f64) -> Timestamp {
    // A number that is no time saturates.
    Timestamp::from_unix_millis((seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::without_marks;

    #[test]
    fn marks_go_and_the_text_around_them_stays() {
        for (text, expected) in [
            ("plain 明天", "plain 明天"),
            (
                "It rains.\u{e200}cite\u{e202}turn0search1\u{e202}turn0search4\u{e201} Take a coat.",
                "It rains. Take a coat.",
            ),
            ("\u{e200}search\u{e202}서울\u{e201}", ""),
            ("a\u{e200}cite\u{e202}x\u{e201}\u{e200}cite\u{e202}y\u{e201}b", "ab"),
            ("\u{e203}it rains\u{e204}\u{e200}cite\u{e202}x\u{e201}", "it rains"),
            ("in \u{e200}entity\u{e202}[\"city\",\"Busan\",\"a port\"]\u{e201}.", "in Busan."),
            ("no end \u{e200}cite and on", "no end cite and on"),
            ("one \u{e200}lost \u{e200}cite\u{e202}x\u{e201} two\u{e201}", "one lost  two"),
        ] {
            assert_eq!(without_marks(text), expected, "{text:?}");
        }
    }
}
