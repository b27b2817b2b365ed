//! How many tokens a text is, about. Vendors count exactly, afterwards; this only decides what fits, and errs upwards: East
//! Asian characters and emoji are taken as one token each (the usual tokenizers need 0.6 to 1.1), everything else as one
//! token for four bytes of UTF-8 (English needs about one for 4.5).

use openclaw_core::{AttachmentSource, ContentBlock, Message};

/// What a message costs beside its text: role and separators.
const MESSAGE_TOKENS: usize = 4;
/// An image at the resolution at which vendors look at it.
const IMAGE_TOKENS: usize = 1600;
/// A file that is only named.
const NAMED_FILE_TOKENS: usize = 40;

fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF00}'..='\u{FFEF}' | '\u{1F000}'..='\u{1FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

pub(crate) fn text_tokens(text: &str) -> usize {
    if text.is_ascii() {
        return text.len().div_ceil(4);
    }
    let (mut wide, mut bytes) = (0_usize, 0_usize);
    for c in text.chars() {
        if is_wide(c) {
            wide += 1;
        } else {
            bytes += c.len_utf8();
        }
    }
    wide + bytes.div_ceil(4)
}

/// The longest head of `text` that is at most `budget` tokens.
pub(crate) fn head(text: &str, budget: usize) -> &str {
    let room = budget.saturating_mul(4);
    if text.is_ascii() {
        return text.get(..room).unwrap_or(text);
    }
    let mut quarters = 0_usize;
    for (at, c) in text.char_indices() {
        quarters += if is_wide(c) { 4 } else { c.len_utf8() };
        if quarters > room {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

pub(crate) fn message_tokens(message: &Message) -> usize {
    let block = |block: &ContentBlock| match block {
        ContentBlock::Text(text) => text_tokens(text),
        ContentBlock::ToolCall(call) => {
            text_tokens(&call.name) + text_tokens(&call.arguments.to_string()) + MESSAGE_TOKENS
        }
        ContentBlock::ToolResult(result) => text_tokens(&result.content) + MESSAGE_TOKENS,
    };
    let attachments = message.metadata.attachments.iter().map(|attachment| match &attachment.source {
        _ if attachment.mime_type.starts_with("image/") => IMAGE_TOKENS,
        AttachmentSource::Data(bytes) if attachment.mime_type.starts_with("text/") => bytes.len().div_ceil(4),
        AttachmentSource::Data(_) | AttachmentSource::Url(_) => NAMED_FILE_TOKENS,
    });
    message.content.iter().map(block).sum::<usize>() + attachments.sum::<usize>() + MESSAGE_TOKENS
}
