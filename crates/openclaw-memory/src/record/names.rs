//! Ids of messages and memories in their short form: those that the gateway makes are a tag and a few bytes.

use openclaw_core::{MemoryId, MessageId, RunId};

use super::wire::{CodecError, Reader, put_bytes, put_varint};

const TEXT: u8 = 0;
const MEMORY: u8 = 1;
const USER: u8 = 2;
const REPLY: u8 = 3;
const STEP: u8 = 4;
const MADE: u8 = 5;

/// Head of the ids that are made for imported messages without one; 16 bytes in hexadecimal follow.
pub(crate) const MADE_PREFIX: &str = "msg_imp_";

/// Appends an id of a message or a memory, or any other short name.
pub(super) fn put_name(out: &mut Vec<u8>, name: &str) {
    let start = out.len();
    // Only what comes back letter for letter is shortened.
    if shorten(out, name).is_some() && read_name(&mut Reader::new(&out[start..])).as_deref() == Ok(name) {
        return;
    }
    out.truncate(start);
    out.push(TEXT);
    put_bytes(out, name.as_bytes());
}

fn shorten(out: &mut Vec<u8>, name: &str) -> Option<()> {
    if name.starts_with("mem_") {
        out.push(MEMORY);
        out.extend_from_slice(&name.parse::<MemoryId>().ok()?.to_bytes());
        return Some(());
    }
    if let Some(hex) = name.strip_prefix(MADE_PREFIX) {
        out.push(MADE);
        out.extend_from_slice(&u128::from_str_radix(hex, 16).ok()?.to_be_bytes());
        return Some(());
    }
    let run = RunId::of_message(&name.parse().ok()?)?;
    if let Some(step) = name.strip_prefix("msg_step_") {
        out.push(STEP);
        out.extend_from_slice(&run.to_bytes());
        put_varint(out, step.rsplit_once('_')?.1.parse().ok()?);
    } else {
        out.push(if name.starts_with("msg_user_") { USER } else { REPLY });
        out.extend_from_slice(&run.to_bytes());
    }
    Some(())
}

/// Reads what [`put_name`] wrote.
pub(super) fn read_name(reader: &mut Reader<'_>) -> Result<String, CodecError> {
    let tag = reader.byte()?;
    Ok(match tag {
        TEXT => reader.text()?.to_owned(),
        MEMORY => MemoryId::from_bytes(reader.array()?).to_string(),
        USER => RunId::from_bytes(reader.array()?).user_message_id().to_string(),
        REPLY => RunId::from_bytes(reader.array()?).reply_id().to_string(),
        STEP => {
            let run = RunId::from_bytes(reader.array()?);
            let step = usize::try_from(reader.varint()?).map_err(|_| CodecError::Overlong)?;
            run.step_message_id(step).to_string()
        }
        MADE => made_name(reader.array()?),
        value => return Err(CodecError::Unknown { what: "form of a name", value }),
    })
}

/// The same, as the id of a message.
pub(super) fn read_message_id(reader: &mut Reader<'_>) -> Result<MessageId, CodecError> {
    read_name(reader)?.parse().map_err(|_| CodecError::Id)
}

/// The id of an imported message that came without one.
pub(crate) fn made_name(hash: [u8; 16]) -> String {
    format!("{MADE_PREFIX}{:032x}", u128::from_be_bytes(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_letter_for_letter_and_ours_are_short() {
        let run = RunId::generate();
        let ours = [
            run.user_message_id().to_string(),
            run.reply_id().to_string(),
            run.step_message_id(300).to_string(),
            MemoryId::generate().to_string(),
            made_name([7; 16]),
        ];
        let lower = ours[0].replace("msg_user_", "").to_lowercase();
        let foreign = [
            String::new(),
            "telegram:17".to_owned(),
            "facts.md#3".to_owned(),
            format!("msg_user_{lower}"),
            format!("{}0", ours[2].rsplit_once('_').unwrap().0.to_owned() + "_0"),
            "msg_step_x".to_owned(),
            format!("{MADE_PREFIX}07"),
            format!("{MADE_PREFIX}+{:031x}", 7),
            "mem_".to_owned(),
        ];
        for name in ours.iter().chain(&foreign) {
            let mut out = Vec::new();
            put_name(&mut out, name);
            let mut reader = Reader::new(&out);
            assert_eq!(read_name(&mut reader).unwrap(), *name);
            assert!(reader.is_empty());
            assert!(out.len() <= 19 || foreign.contains(name), "{name} takes {}", out.len());
        }
    }
}
