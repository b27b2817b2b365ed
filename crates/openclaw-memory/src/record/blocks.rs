//! Content blocks and metadata inside a payload.

use bytes::Bytes;
use openclaw_core::{Attachment, AttachmentSource, ContentBlock, Metadata, Role, ToolCall, ToolResult};

use super::{
    Scope,
    wire::{CodecError, Reader, put_bytes, put_varint},
};

const TEXT: u8 = 0;
const CALL: u8 = 1;
const RESULT: u8 = 2;
const FAILED_RESULT: u8 = 3;

const USER_ID: u8 = 1;
const USER_NAME: u8 = 2;
const ATTACHMENTS: u8 = 4;
const EXTRA: u8 = 8;

const DATA: u8 = 0;
const URL: u8 = 1;

/// The role that speaks a block.
pub(crate) fn role_of(block: &ContentBlock) -> Role {
    match block {
        ContentBlock::Text(_) | ContentBlock::ToolCall(_) => Role::Assistant,
        ContentBlock::ToolResult(_) => Role::Tool,
    }
}

/// How many messages the blocks of one steps record make: neighbours of one role are one message.
pub(crate) fn count_messages(blocks: &[ContentBlock]) -> u32 {
    let changes = blocks.windows(2).filter(|pair| role_of(&pair[0]) != role_of(&pair[1])).count();
    if blocks.is_empty() { 0 } else { u32::try_from(changes + 1).unwrap_or(u32::MAX) }
}

/// The blocks of one steps record cut into messages.
pub(crate) fn into_messages(blocks: Vec<ContentBlock>) -> Vec<(Role, Vec<ContentBlock>)> {
    let mut messages: Vec<(Role, Vec<ContentBlock>)> = Vec::new();
    for block in blocks {
        let role = role_of(&block);
        match messages.last_mut() {
            Some((last, content)) if *last == role => content.push(block),
            _ => messages.push((role, vec![block])),
        }
    }
    messages
}

pub(super) fn put_blocks(out: &mut Vec<u8>, blocks: &[ContentBlock]) {
    for block in blocks {
        match block {
            ContentBlock::Text(text) => {
                out.push(TEXT);
                put_bytes(out, text.as_bytes());
            }
            ContentBlock::ToolCall(call) => {
                out.push(CALL);
                put_bytes(out, call.id.as_bytes());
                put_bytes(out, call.name.as_bytes());
                put_bytes(out, call.arguments.to_string().as_bytes());
            }
            ContentBlock::ToolResult(result) => {
                out.push(if result.is_error { FAILED_RESULT } else { RESULT });
                put_bytes(out, result.call_id.as_bytes());
                put_bytes(out, result.name.as_bytes());
                put_bytes(out, result.content.as_bytes());
            }
        }
    }
}

pub(super) fn read_blocks(mut reader: Reader<'_>) -> Result<Vec<ContentBlock>, CodecError> {
    let mut blocks = Vec::new();
    while !reader.is_empty() {
        blocks.push(match reader.byte()? {
            TEXT => ContentBlock::Text(reader.text()?.to_owned()),
            CALL => {
                let (id, name) = (reader.text()?.to_owned(), reader.text()?.to_owned());
                let arguments = serde_json::from_str(reader.text()?).map_err(|_| CodecError::Json)?;
                ContentBlock::ToolCall(ToolCall { id, name, arguments })
            }
            tag @ (RESULT | FAILED_RESULT) => ContentBlock::ToolResult(ToolResult {
                call_id: reader.text()?.to_owned(),
                name: reader.text()?.to_owned(),
                content: reader.text()?.to_owned(),
                is_error: tag == FAILED_RESULT,
            }),
            value => return Err(CodecError::Unknown { what: "block", value }),
        });
    }
    Ok(blocks)
}

pub(super) fn put_metadata(out: &mut Vec<u8>, metadata: &Metadata) {
    let mut flags = 0;
    for (flag, present) in [
        (USER_ID, metadata.user_id.is_some()),
        (USER_NAME, metadata.user_name.is_some()),
        (ATTACHMENTS, !metadata.attachments.is_empty()),
        (EXTRA, !metadata.extra.is_empty()),
    ] {
        flags |= if present { flag } else { 0 };
    }
    out.push(flags);
    for text in [&metadata.user_id, &metadata.user_name].into_iter().flatten() {
        put_bytes(out, text.as_bytes());
    }
    if !metadata.attachments.is_empty() {
        put_varint(out, metadata.attachments.len() as u64);
        for attachment in &metadata.attachments {
            put_bytes(out, attachment.name.as_bytes());
            put_bytes(out, attachment.mime_type.as_bytes());
            let (tag, bytes) = match &attachment.source {
                AttachmentSource::Data(bytes) => (DATA, bytes.as_ref()),
                AttachmentSource::Url(url) => (URL, url.as_bytes()),
            };
            out.push(tag);
            put_bytes(out, bytes);
        }
    }
    if !metadata.extra.is_empty() {
        // A map of JSON values always has a JSON text.
        put_bytes(out, &serde_json::to_vec(&metadata.extra).unwrap_or_default());
    }
}

pub(super) fn read_metadata(bytes: &[u8], scope: Scope) -> Result<Metadata, CodecError> {
    let mut reader = Reader::new(bytes);
    let mut metadata = Metadata::default();
    if reader.is_empty() {
        return Ok(metadata);
    }
    let flags = reader.byte()?;
    if flags & !(USER_ID | USER_NAME | ATTACHMENTS | EXTRA) != 0 {
        return Err(CodecError::Unknown { what: "metadata field", value: flags });
    }
    if flags & USER_ID != 0 {
        metadata.user_id = Some(reader.text()?.to_owned());
    }
    if flags & USER_NAME != 0 {
        metadata.user_name = Some(reader.text()?.to_owned());
    }
    if flags & ATTACHMENTS != 0 {
        for _ in 0..reader.varint()? {
            let (name, mime_type) = (reader.text()?.to_owned(), reader.text()?.to_owned());
            let source = match reader.byte()? {
                DATA => AttachmentSource::Data(Bytes::copy_from_slice(reader.bytes()?)),
                URL => AttachmentSource::Url(reader.text()?.to_owned()),
                value => return Err(CodecError::Unknown { what: "attachment", value }),
            };
            metadata.attachments.push(Attachment { name, mime_type, source });
        }
    }
    if scope == Scope::Whole && flags & EXTRA != 0 {
        metadata.extra = serde_json::from_slice(reader.bytes()?).map_err(|_| CodecError::Json)?;
    }
    Ok(metadata)
}
