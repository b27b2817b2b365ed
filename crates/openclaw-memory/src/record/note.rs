//! Records of what a run's prompt was made of. Every turn writes one, so they are small: scores are kept to about 1/8000,
//! factors to 1/255, and the gateway's own ids in their short form.

use openclaw_core::{
    RunId,
    port::{ContextCut, ContextMemory, ContextNote},
};

use super::{
    NOTE,
    names::{put_name, read_name},
    wire::{CodecError, Reader, put_bytes, put_varint},
};

const SCORE_UNIT: f32 = 8192.0;
const FACTOR_UNIT: f32 = 255.0;

/// One run's note, undecoded.
#[derive(Debug, Clone)]
pub(crate) struct NoteRecord<'a> {
    pub(crate) run: RunId,
    note: &'a [u8],
}

/// The payload of a note.
pub(crate) fn encode_note(run: RunId, note: &ContextNote) -> Vec<u8> {
    let mut out = Vec::with_capacity(40 + note.memories.len() * 24 + note.cuts.len() * 64);
    out.push(NOTE);
    out.extend_from_slice(&run.to_bytes());
    for number in [note.window].iter().chain(&note.tokens).chain([&note.recent]) {
        put_varint(&mut out, u64::from(*number));
    }
    put_varint(&mut out, note.memories.len() as u64);
    for memory in &note.memories {
        put_name(&mut out, &memory.id);
        // `as` cuts what is out of bounds, and makes 0 of what is no number.
        out.extend_from_slice(&((memory.score * SCORE_UNIT).round() as u16).to_le_bytes());
        out.extend(memory.factors.map(|factor| (factor * FACTOR_UNIT).round() as u8));
    }
    for cut in &note.cuts {
        put_name(&mut out, &cut.id);
        put_bytes(&mut out, cut.reason.as_bytes());
        put_varint(&mut out, u64::from(cut.tokens));
    }
    out
}

pub(super) fn note(mut reader: Reader<'_>) -> Result<NoteRecord<'_>, CodecError> {
    Ok(NoteRecord { run: RunId::from_bytes(reader.array()?), note: reader.rest() })
}

impl NoteRecord<'_> {
    pub(crate) fn note(&self) -> Result<ContextNote, CodecError> {
        let mut reader = Reader::new(self.note);
        let mut note = ContextNote { window: reader.varint_u32()?, ..ContextNote::default() };
        for tokens in &mut note.tokens {
            *tokens = reader.varint_u32()?;
        }
        note.recent = reader.varint_u32()?;
        for _ in 0..reader.varint()? {
            let id = read_name(&mut reader)?;
            let score = f32::from(u16::from_le_bytes(reader.array()?)) / SCORE_UNIT;
            let factors = reader.array::<4>()?.map(|factor| f32::from(factor) / FACTOR_UNIT);
            note.memories.push(ContextMemory { id, score, factors });
        }
        while !reader.is_empty() {
            let (id, reason) = (read_name(&mut reader)?, reader.text()?.to_owned());
            note.cuts.push(ContextCut { id, reason, tokens: reader.varint_u32()? });
        }
        Ok(note)
    }
}
