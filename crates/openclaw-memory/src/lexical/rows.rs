//! What is known of each document but its terms: 128 rows to a block, column by column.

use super::{
    bits::{BitReader, BitWriter, best_rice},
    postings::BLOCK,
};

/// Bytes of a block's entry in the directory.
pub(super) const ENTRY: usize = 34;

/// A document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Row {
    pub(super) major: u64,
    pub(super) minor: u32,
    pub(super) time_ms: i64,
    pub(super) importance: u8,
    /// Where the owner finds it.
    pub(super) place: u32,
}

impl Row {
    pub(super) fn key(&self) -> (u64, u32) {
        (self.major, self.minor)
    }
}

/// Where a block is, and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockEntry {
    pub(super) offset: u64,
    pub(super) first: (u64, u32),
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
}

impl BlockEntry {
    pub(super) fn encode(&self) -> [u8; ENTRY] {
        let mut out = [0; ENTRY];
        out[..6].copy_from_slice(&self.offset.to_le_bytes()[..6]);
        out[6..14].copy_from_slice(&self.first.0.to_le_bytes());
        out[14..18].copy_from_slice(&self.first.1.to_le_bytes());
        out[18..26].copy_from_slice(&self.min_ms.to_le_bytes());
        out[26..].copy_from_slice(&self.max_ms.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8; ENTRY]) -> Self {
        let word = |at: usize| {
            bytes
                .get(at..at + 8)
                .and_then(|word| word.first_chunk())
                .map_or(0, |word| u64::from_le_bytes(*word))
        };
        let low = |value: u64, bits: u32| value & ((1 << bits) - 1);
        Self {
            offset: low(word(0), 48),
            first: (word(6), low(word(14), 32) as u32),
            min_ms: word(18) as i64,
            max_ms: word(26) as i64,
        }
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn put_column(bits: &mut BitWriter, values: &[u64]) {
    // A column that is the same throughout costs one value.
    let first = values.first().copied().unwrap_or(0);
    let same = values.iter().all(|value| *value == first);
    let k = best_rice(if same { values.get(..1).unwrap_or_default() } else { values });
    bits.put(u64::from(same), 1);
    bits.put(u64::from(k), 5);
    for value in values.iter().take(if same { 1 } else { BLOCK }) {
        bits.put_rice(*value, k);
    }
}

fn take_column(bits: &mut BitReader<'_>, len: usize) -> [u64; BLOCK] {
    let same = bits.take(1) == 1;
    let k = bits.take(5) as u32;
    if same {
        return [bits.take_rice(k); BLOCK];
    }
    let mut values = [0; BLOCK];
    bits.each_rice(k, len.min(BLOCK), |at, value| values[at] = value);
    values
}

/// Packs up to 128 rows; the entry's offset is still 0.
pub(super) fn pack(rows: &[Row]) -> (BlockEntry, Vec<u8>) {
    let entry = BlockEntry {
        offset: 0,
        first: rows.first().map_or((0, 0), Row::key),
        min_ms: rows.iter().map(|row| row.time_ms).min().unwrap_or(0),
        max_ms: rows.iter().map(|row| row.time_ms).max().unwrap_or(0),
    };
    let mut bits = BitWriter::default();
    let mut time = entry.min_ms;
    let mut column = |of: &mut dyn FnMut(&Row) -> u64| {
        let values: Vec<u64> = rows.iter().map(of).collect();
        put_column(&mut bits, &values);
    };
    // Times first: filters need only them.
    column(&mut |row| zigzag(row.time_ms.wrapping_sub(std::mem::replace(&mut time, row.time_ms))));
    let mut major = entry.first.0;
    column(&mut |row| row.major - std::mem::replace(&mut major, row.major));
    column(&mut |row| u64::from(row.minor));
    column(&mut |row| u64::from(row.importance));
    let mut place = 0;
    column(&mut |row| zigzag(i64::from(row.place) - i64::from(std::mem::replace(&mut place, row.place))));
    (entry, bits.finish())
}

/// The times of a block.
pub(super) fn unpack_times(entry: &BlockEntry, bytes: &[u8], len: usize) -> [i64; BLOCK] {
    let deltas = take_column(&mut BitReader::new(bytes), len);
    let mut time = entry.min_ms;
    deltas.map(|delta| {
        time = time.wrapping_add(unzigzag(delta));
        time
    })
}

/// The rows of a block; `None`: they make no sense.
pub(super) fn unpack(entry: &BlockEntry, bytes: &[u8], len: usize) -> Option<Vec<Row>> {
    let mut bits = BitReader::new(bytes);
    let [times, majors, minors, importances, places] = std::array::from_fn(|_| take_column(&mut bits, len));
    if bits.is_over() {
        return None;
    }
    let (mut time, mut major, mut place) = (entry.min_ms, entry.first.0, 0_i64);
    let mut rows = Vec::with_capacity(len);
    for at in 0..len.min(BLOCK) {
        time = time.wrapping_add(unzigzag(times[at]));
        major = major.wrapping_add(majors[at]);
        place = place.wrapping_add(unzigzag(places[at]));
        rows.push(Row {
            major,
            minor: u32::try_from(minors[at]).ok()?,
            time_ms: time,
            importance: u8::try_from(importances[at]).ok()?,
            place: u32::try_from(place).ok()?,
        });
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row() -> impl Strategy<Value = (u64, u32, i64, u8)> {
        let steps = prop_oneof![Just(0_u64), 0..10_u64, 0..1_000_000_u64];
        let times = prop_oneof![any::<i64>(), 1_700_000_000_000..1_700_000_100_000_i64];
        (steps, any::<u32>(), times, 0..3_u8)
    }

    proptest! {
        #[test]
        fn blocks_come_back(parts in prop::collection::vec(row(), 1..=BLOCK)) {
            let mut major = 7;
            let rows: Vec<Row> = parts.into_iter().map(|(step, minor, time_ms, importance)| {
                major += step;
                Row { major, minor, time_ms, importance, place: minor.rotate_left(9) }
            }).collect();
            let (mut entry, bytes) = pack(&rows);
            entry.offset = 0xab_cdef_0123;
            let entry = BlockEntry::decode(&entry.encode());
            prop_assert_eq!(entry.offset, 0xab_cdef_0123);
            prop_assert_eq!(unpack(&entry, &bytes, rows.len()).unwrap(), rows.as_slice());
            let times = unpack_times(&entry, &bytes, rows.len());
            prop_assert!(rows.iter().zip(times).all(|(row, time)| row.time_ms == time));
            prop_assert!(rows.iter().all(|row| (entry.min_ms..=entry.max_ms).contains(&row.time_ms)));
        }

        #[test]
        fn bytes_that_are_no_block_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let entry = BlockEntry { offset: 0, first: (u64::MAX, 0), min_ms: i64::MAX, max_ms: 0 };
            let _ = unpack(&entry, &bytes, BLOCK);
            unpack_times(&entry, &bytes, BLOCK);
        }
    }

    #[test]
    fn usual_rows_take_a_few_bytes() {
        let rows: Vec<Row> = (0..128)
            .map(|n| Row {
                major: 1000 + n * 2,
                time_ms: 1_700_000_000_000 + (n * n * 977 % 60_000) as i64 + n as i64 * 60_000,
                place: 5000 + n as u32 * 140 + (n * n % 100) as u32,
                ..Row::default()
            })
            .collect();
        let (_, bytes) = pack(&rows);
        assert!(bytes.len() < 5 * 128, "{}", bytes.len());
    }
}
