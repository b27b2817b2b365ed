//! Finding a run by its id: rows of up to [`ROW_RUNS`] runs that were accepted at about the same time. A run takes some ten
//! bytes there: its time, two bytes of its random part, and where its record lies. The record itself confirms a match.

use openclaw_core::RunId;

use super::entry::PointerCodec;
use crate::{
    record::{CodecError, Reader, put_varint},
    wal::Pointer,
};

/// Most runs of a row.
const ROW_RUNS: usize = 128;
/// Most milliseconds between the first and the last run of a row, so that a search knows where to stop.
pub(super) const ROW_SPAN_MS: u64 = 10 * 60 * 1000;

pub(super) fn time_of(run: RunId) -> u64 {
    u64::try_from(run.accepted_at().unix_millis()).unwrap_or(0)
}

fn print_of(run: RunId) -> [u8; 2] {
    let bytes = run.to_bytes();
    [bytes[14], bytes[15]]
}

/// Key and value of each row for these runs.
pub(super) fn rows(runs: &[(RunId, Pointer)]) -> Vec<([u8; 16], Vec<u8>)> {
    let mut sorted: Vec<_> = runs.iter().map(|(run, at)| (time_of(*run), print_of(*run), *at)).collect();
    sorted.sort_unstable_by_key(|(time, _, at)| (*time, at.lsn));
    let mut rows = Vec::new();
    let mut rest = sorted.as_slice();
    while let Some((start, _, first)) = rest.first().copied() {
        let near = rest.iter().take(ROW_RUNS).take_while(|(time, ..)| time - start <= ROW_SPAN_MS).count();
        let (row, others) = rest.split_at(near);
        rest = others;
        let mut key = [0; 16];
        key[..8].copy_from_slice(&start.to_be_bytes());
        key[8..].copy_from_slice(&first.lsn.0.to_be_bytes());
        let mut value = Vec::with_capacity(row.len() * 12);
        let mut pointers = PointerCodec::new();
        let mut last = start;
        for (time, print, at) in row {
            // The lowest bit of the time says whether the offset is written in full.
            put_varint(&mut value, (time - last) << 1 | u64::from(pointers.is_full(*at)));
            last = *time;
            value.extend_from_slice(print);
            pointers.put(&mut value, *at);
        }
        rows.push((key, value));
    }
    rows
}

/// Where records that may be the run's lie, by one row that starts at `start`.
pub(super) fn candidates(run: RunId, start: u64, value: &[u8]) -> Result<Vec<Pointer>, CodecError> {
    let (wanted_time, wanted_print) = (time_of(run), print_of(run));
    let mut reader = Reader::new(value);
    let mut pointers = PointerCodec::new();
    let mut time = start;
    let mut found = Vec::new();
    while !reader.is_empty() {
        let packed = reader.varint()?;
        time = time.saturating_add(packed >> 1);
        let print: [u8; 2] = reader.array()?;
        let at = pointers.read(&mut reader, packed & 1 == 1)?;
        if time > wanted_time {
            break;
        }
        if time == wanted_time && print == wanted_print {
            found.push(at);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use openclaw_core::Lsn;

    use super::*;

    fn run(time: u64, tail: u16) -> RunId {
        let mut bytes = [3; 16];
        bytes[..6].copy_from_slice(&time.to_be_bytes()[2..]);
        bytes[14..].copy_from_slice(&tail.to_be_bytes());
        RunId::from_bytes(bytes)
    }

    #[test]
    fn every_run_is_found_and_strangers_are_not() {
        // Out of order, across segments, and over more than one row by number and by time.
        let runs: Vec<_> = (0..500_u32)
            .map(|n| {
                let time = 1_774_000_000_000 + u64::from(n ^ 3) * if n < 300 { 2 } else { 7_000 };
                let at = Pointer { lsn: Lsn(u64::from(n) + 1), offset: (n % 97) * 1000, len: 50 + n };
                (run(time, n as u16), at)
            })
            .collect();
        let rows = rows(&runs);
        assert!(rows.len() > 4, "{}", rows.len());
        let find = |id: RunId| -> Vec<Pointer> {
            let of_row = |(key, value): &([u8; 16], Vec<u8>)| {
                let start = u64::from_be_bytes(key[..8].try_into().unwrap());
                candidates(id, start, value).unwrap()
            };
            rows.iter().flat_map(of_row).collect()
        };
        for (id, at) in &runs {
            assert_eq!(find(*id), [*at]);
        }
        assert_eq!(find(run(1_774_000_000_001, 9)), []);
    }
}
