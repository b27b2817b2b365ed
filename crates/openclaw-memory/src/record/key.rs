//! Short forms of what repeats in every record: conversation ids and channel names.

use openclaw_core::{ConversationId, RunId};
use ulid::Ulid;

use super::wire::{CodecError, Reader, put_bytes};

const PREFIX: &str = "conv_";

/// A conversation's id in its storage form: a generated id (`conv_` and a ULID) takes 16 bytes, any other its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ConvKey {
    /// `conv_` and this ULID, as the gateway writes it.
    Ulid([u8; 16]),
    /// Chosen by the client.
    Text(ConversationId),
}

impl ConvKey {
    pub(crate) fn of(id: &ConversationId) -> Self {
        let generated = id.as_str().strip_prefix(PREFIX).and_then(|text| {
            let ulid = Ulid::from_string(text).ok()?;
            // Lower case and ambiguous letters parse too, but would not come back as they were.
            let canonical = ulid.to_string() == text;
            canonical.then(|| ulid.to_bytes())
        });
        generated.map_or_else(|| Self::Text(id.clone()), Self::Ulid)
    }

    pub(crate) fn id(&self) -> ConversationId {
        match self {
            Self::Ulid(bytes) => RunId::from_bytes(*bytes).new_conversation_id(),
            Self::Text(id) => id.clone(),
        }
    }

    /// The key in the index: no key is a prefix of another one's continuation, because the first byte tells the form and
    /// texts hold no zero byte.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ulid(bytes) => {
                out.push(1);
                out.extend_from_slice(bytes);
            }
            Self::Text(id) => {
                out.push(2);
                out.extend_from_slice(id.as_str().as_bytes());
            }
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        self.append_to(&mut out);
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            1 => {
                let ulid = reader.array()?;
                if reader.is_empty() { Ok(Self::Ulid(ulid)) } else { Err(CodecError::Id) }
            }
            2 => text_id(reader.rest_text()?),
            value => Err(CodecError::Unknown { what: "form of a conversation id", value }),
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.to_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Self::from_bytes(reader.bytes()?)
    }
}

pub(super) fn text_id(text: &str) -> Result<ConvKey, CodecError> {
    text.parse().map(ConvKey::Text).map_err(|_| CodecError::Id)
}

/// A channel's name; the well-known ones are a number on the disk. The order is part of the format: append only.
const KNOWN: [&str; 10] =
    ["api", "internal", "telegram", "discord", "slack", "matrix", "webhook", "irc", "whatsapp", "signal"];

/// The code that says that the name follows as text.
pub(super) const NAMED: u8 = 15;

/// A channel's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Channel {
    /// One of [`KNOWN`].
    Known(u8),
    /// Any other.
    Named(Box<str>),
}

impl Channel {
    pub(crate) fn of(name: &str) -> Self {
        let code = KNOWN.iter().position(|known| *known == name);
        code.map_or_else(|| Self::Named(name.into()), |code| Self::Known(code as u8))
    }

    pub(super) fn from_code(code: u8) -> Result<Self, CodecError> {
        if usize::from(code) < KNOWN.len() {
            Ok(Self::Known(code))
        } else {
            Err(CodecError::Unknown { what: "channel", value: code })
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Known(code) => KNOWN.get(usize::from(*code)).copied().unwrap_or_default(),
            Self::Named(name) => name,
        }
    }

    /// One byte, or the marker and the name.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Known(code) => out.push(*code),
            Self::Named(name) => {
                out.push(NAMED);
                put_bytes(out, name.as_bytes());
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        match reader.byte()? {
            NAMED => Ok(Self::Named(reader.text()?.into())),
            code => Self::from_code(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_exactly() {
        let generated = RunId::generate().new_conversation_id();
        assert!(matches!(ConvKey::of(&generated), ConvKey::Ulid(_)));
        let lower = generated.as_str().to_lowercase();
        for text in
            [generated.as_str(), &lower, "conv_abc123", "x", "conv_", "conv_01ARZ3NDEKTSV4RRFFQ69G5FAU"]
        {
            let id: ConversationId = text.parse().unwrap();
            let key = ConvKey::of(&id);
            assert_eq!(key.id(), id);
            assert_eq!(ConvKey::from_bytes(&key.to_bytes()), Ok(key));
        }
    }

    #[test]
    fn channels_come_back_exactly() {
        for name in KNOWN.iter().copied().chain(["teams", ""]) {
            let channel = Channel::of(name);
            let mut out = Vec::new();
            channel.put(&mut out);
            assert_eq!(Channel::read(&mut Reader::new(&out)), Ok(channel.clone()));
            assert_eq!(channel.as_str(), name);
        }
        assert!(Channel::read(&mut Reader::new(&[12])).is_err());
    }
}
