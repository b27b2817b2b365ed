//! Finding a run by its id: rows of about [`ROW_RUNS`] runs that were accepted one after the other. No two rows overlap in time, so
//! that one row is all there is to read. A run takes some ten bytes there: its time, two bytes of its random part, and where its
//! record lies. The record itself confirms a match.

use std::collections::HashMap;

use openclaw_core::RunId;

use super::entry::PointerCodec;
use crate::{
    record::{CodecError, Reader, put_varint},
    wal::Pointer,
};

/// Most runs of a row, unless more were accepted in one millisecond.
const ROW_RUNS: usize = 128;

pub(super) fn time_of(run: RunId) -> u64 {
    u64::try_from(run.accepted_at().unix_millis()).unwrap_or(0)
}

fn print_of(run: RunId) -> [u8; 2] {
    let bytes = run.to_bytes();
    [bytes[14], bytes[15]]
}

/// A run as its row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) time: u64,
    print: [u8; 2],
    at: Pointer,
}

/// The runs as rows have them, in the order of time.
pub(super) fn spots(runs: &HashMap<RunId, Pointer>) -> Vec<Spot> {
    let spot = |(run, at): (&RunId, &Pointer)| Spot { time: time_of(*run), print: print_of(*run), at: *at };
    let mut spots: Vec<Spot> = runs.iter().map(spot).collect();
    sort(&mut spots);
    spots
}

fn sort(spots: &mut [Spot]) {
    spots.sort_unstable_by_key(|spot| (spot.time, spot.at.lsn));
}

/// A row's key: the time of its first run, in milliseconds.
pub(super) fn key(start: u64) -> [u8; 8] {
    start.to_be_bytes()
}

/// Key and value of each row for these runs.
pub(super) fn rows(mut spots: Vec<Spot>) -> Vec<([u8; 8], Vec<u8>)> {
    sort(&mut spots);
    let mut rows = Vec::new();
    let mut rest = spots.as_slice();
    while let Some(first) = rest.first() {
        let last = rest.get(ROW_RUNS - 1).or(rest.last()).map_or(first.time, |spot| spot.time);
        // Runs of one millisecond are in one row.
        let (row, others) = rest.split_at(rest.partition_point(|spot| spot.time <= last));
        rest = others;
        let mut value = Vec::with_capacity(row.len() * 12);
        let mut pointers = PointerCodec::new();
        let mut last = first.time;
        for spot in row {
            // The lowest bit of the time says whether the offset is written in full.
            put_varint(&mut value, (spot.time - last) << 1 | u64::from(pointers.is_full(spot.at)));
            last = spot.time;
            value.extend_from_slice(&spot.print);
            pointers.put(&mut value, spot.at);
        }
        rows.push((key(first.time), value));
    }
    rows
}

/// Tells of the runs of the row with this key, in order.
fn each(key: &[u8], value: &[u8], tell: &mut dyn FnMut(Spot)) -> Result<(), CodecError> {
    let mut time = u64::from_be_bytes(Reader::new(key).array()?);
    let mut reader = Reader::new(value);
    let mut pointers = PointerCodec::new();
    while !reader.is_empty() {
        let packed = reader.varint()?;
        time = time.saturating_add(packed >> 1);
        let print = reader.array()?;
        let at = pointers.read(&mut reader, packed & 1 == 1)?;
        tell(Spot { time, print, at });
    }
    Ok(())
}

/// The runs of the row with this key.
pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Vec<Spot>, CodecError> {
    let mut spots = Vec::with_capacity(ROW_RUNS);
    each(key, value, &mut |spot| spots.push(spot))?;
    Ok(spots)
}

/// Where records that may be the run's lie, by the last row that does not begin after it.
pub(super) fn candidates(run: RunId, key: &[u8], value: &[u8]) -> Result<Vec<Pointer>, CodecError> {
    let (time, print) = (time_of(run), print_of(run));
    let mut found = Vec::new();
    each(key, value, &mut |spot| {
        if spot.time == time && spot.print == print {
            found.push(spot.at);
        }
    })?;
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
    fn every_run_is_in_one_row_and_rows_do_not_overlap() {
        // Out of order, across segments, over several rows, and 300 of them in one millisecond.
        let runs: HashMap<_, _> = (0..900_u32)
            .map(|n| {
                let time = 1_774_000_000_000
                    + match n {
                        0..300 => u64::from(n ^ 3) * 2,
                        300..600 => 599,
                        _ => u64::from(n ^ 3) * 7_000,
                    };
                let at = Pointer { lsn: Lsn(u64::from(n) + 1), offset: (n % 97) * 1000, len: 50 + n };
                (run(time, n as u16), at)
            })
            .collect();
        let rows = rows(spots(&runs));
        assert!(rows.len() > 5, "{}", rows.len());
        let spans: Vec<(u64, u64)> = rows
            .iter()
            .map(|(key, value)| {
                let spots = read(key, value).unwrap();
                (spots[0].time, spots[spots.len() - 1].time)
            })
            .collect();
        assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0), "{spans:?}");
        let find = |id: RunId| -> Vec<Pointer> {
            let row = rows.iter().rfind(|(start, _)| *start <= key(time_of(id)));
            row.map_or(Vec::new(), |(key, value)| candidates(id, key, value).unwrap())
        };
        for (id, at) in &runs {
            assert_eq!(find(*id), [*at]);
        }
        assert_eq!(find(run(1_774_000_000_001, 9)), []);
        assert_eq!(find(run(1, 9)), []);
    }
}
