//! Records of messages that were said elsewhere.

use openclaw_core::{MessageId, Role};

use super::{
    IMPORTED,
    key::{self, Channel, ConvKey},
    names::{put_name, read_message_id},
    wire::{CodecError, Reader, put_bytes, put_signed},
};

const ROLE: u8 = 3;
const TEXT_ID: u8 = 4;

/// One imported message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImportedRecord<'a> {
    pub(crate) conversation: ConvKey,
    pub(crate) channel: Channel,
    pub(crate) role: Role,
    /// When it was said, Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) id: MessageId,
    pub(crate) content: &'a str,
}

/// A role's number on the disk: its place in this list.
const ROLES: [Role; 4] = [Role::System, Role::User, Role::Assistant, Role::Tool];

/// The payload of an imported message.
pub(crate) fn encode_imported(record: &ImportedRecord<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + record.content.len());
    out.push(IMPORTED);
    let code = match &record.channel {
        Channel::Known(code) => *code,
        Channel::Named(_) => key::NAMED,
    };
    let role = ROLES.iter().position(|role| *role == record.role).unwrap_or_default() as u8;
    let form = if matches!(record.conversation, ConvKey::Text(_)) { TEXT_ID } else { 0 };
    out.push(role | form | code << 4);
    put_signed(&mut out, record.at_ms);
    match &record.conversation {
        ConvKey::Ulid(ulid) => out.extend_from_slice(ulid),
        ConvKey::Text(id) => put_bytes(&mut out, id.as_str().as_bytes()),
    }
    if let Channel::Named(name) = &record.channel {
        put_bytes(&mut out, name.as_bytes());
    }
    put_name(&mut out, record.id.as_str());
    out.extend_from_slice(record.content.as_bytes());
    out
}

pub(super) fn imported(mut reader: Reader<'_>) -> Result<ImportedRecord<'_>, CodecError> {
    let flags = reader.byte()?;
    if flags & 8 != 0 {
        return Err(CodecError::Unknown { what: "field of an imported message", value: flags });
    }
    let role = ROLES.get(usize::from(flags & ROLE)).copied().unwrap_or(Role::User);
    let at_ms = reader.signed()?;
    let conversation =
        if flags & TEXT_ID == 0 { ConvKey::Ulid(reader.array()?) } else { key::text_id(reader.text()?)? };
    let channel = match flags >> 4 {
        key::NAMED => Channel::Named(reader.text()?.into()),
        code => Channel::from_code(code)?,
    };
    let id = read_message_id(&mut reader)?;
    Ok(ImportedRecord { conversation, channel, role, at_ms, id, content: reader.rest_text()? })
}
