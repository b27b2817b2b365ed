//! Which documents of a window may be found.

use super::{
    super::{
        Filter, LexicalError,
        dead::Dead,
        hash::{Domain, HashKey, TermHash},
        memtable::MemTable,
        page::Cursor,
        postings::{BLOCK, Unpacked},
        segment::Segment,
    },
    list::{List, WINDOW},
};

/// One bit for each document of a window.
pub(super) type Bits = [u64; WINDOW as usize / 64];

/// The filters that are terms: the documents must have one of each group.
#[derive(Debug, Default)]
pub(in crate::lexical) struct Groups(pub(in crate::lexical) Vec<Vec<TermHash>>);

impl Groups {
    pub(in crate::lexical) fn of(filter: &Filter<'_>, key: &HashKey) -> Self {
        let mut groups = Vec::new();
        groups.extend(filter.conversation.map(|id| vec![key.term(Domain::Conversation, id)]));
        groups.extend(filter.channel.map(|channel| vec![key.term(Domain::Channel, channel)]));
        if !filter.kinds.is_empty() {
            groups.push(filter.kinds.iter().map(|kind| key.term(Domain::Kind, &[*kind])).collect());
        }
        Self(groups)
    }
}

/// Documents of a segment, or in memory.
#[derive(Debug)]
pub(super) enum Data<'a> {
    Segment { segment: &'a Segment, dead: Option<&'a Dead> },
    Memory { table: &'a MemTable },
}

impl Data<'_> {
    pub(super) fn docs(&self) -> u32 {
        match self {
            Self::Segment { segment, .. } => segment.head.docs,
            Self::Memory { table } => table.rows().len() as u32,
        }
    }

    pub(super) fn dead(&self) -> usize {
        match self {
            Self::Segment { dead, .. } => dead.map_or(0, |dead| dead.count() as usize),
            Self::Memory { table } => table.dead(),
        }
    }
}

/// The filter of one segment.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    groups: Vec<Vec<List<'a>>>,
    since_ms: i64,
    until_ms: i64,
    /// Whether some documents may be too old or too new.
    timed: bool,
    cursor: Option<Cursor<'a>>,
}

impl<'a> Gate<'a> {
    /// `None`: nothing gets through.
    pub(super) fn new(groups: Vec<Vec<List<'a>>>, filter: &Filter<'_>, data: &Data<'a>) -> Option<Self> {
        if groups.iter().any(|group| group.iter().all(List::is_absent)) {
            return None;
        }
        let since_ms = filter.since_ms.unwrap_or(i64::MIN);
        let until_ms = filter.until_ms.unwrap_or(i64::MAX);
        let (min, max) = match data {
            Data::Segment { segment, .. } => (segment.head.min_ms, segment.head.max_ms),
            Data::Memory { table } => table.times(),
        };
        if since_ms > max || until_ms < min {
            return None;
        }
        let timed = since_ms > min || until_ms < max;
        let cursor = match data {
            Data::Segment { segment, .. } if timed => Some(Cursor::new(&segment.file)),
            _ => None,
        };
        Some(Self { groups, since_ms, until_ms, timed, cursor })
    }

    /// Whether everything that is alive gets through.
    pub(super) fn is_open(&self) -> bool {
        self.groups.is_empty() && !self.timed
    }

    /// Marks the windows where nothing gets through, as far as that is known without reading.
    pub(super) fn close_windows(&self, windows: usize) -> Vec<bool> {
        let mut closed = vec![false; windows];
        for group in &self.groups {
            let mut open = vec![false; windows];
            for list in group {
                list.windows(None, 0, &mut |window, _| {
                    if let Some(open) = open.get_mut(window as usize) {
                        *open = true;
                    }
                });
            }
            closed.iter_mut().zip(open).for_each(|(closed, open)| *closed |= !open);
        }
        closed
    }

    /// The documents of a window that get through.
    pub(super) fn allowed(
        &mut self,
        data: &Data<'_>,
        window: u32,
        unpacked: &mut Unpacked,
    ) -> Result<Bits, LexicalError> {
        let first = window * WINDOW;
        let count = data.docs().saturating_sub(first).min(WINDOW);
        let mut bits: Bits = std::array::from_fn(|word| {
            let below = count.saturating_sub(word as u32 * 64);
            if below >= 64 { u64::MAX } else { (1 << below) - 1 }
        });
        for group in &mut self.groups {
            let mut any: Bits = [0; WINDOW as usize / 64];
            for list in group {
                list.visit(window, unpacked, |_, _| true, |doc, _| set(&mut any, doc))?;
            }
            bits.iter_mut().zip(any).for_each(|(bits, any)| *bits &= any);
        }
        match data {
            Data::Memory { table } => {
                let rows = table.rows().part(first as usize, WINDOW as usize);
                for (doc, row) in rows.enumerate() {
                    if row.dead || !(self.since_ms..=self.until_ms).contains(&row.row.time_ms) {
                        clear(&mut bits, doc);
                    }
                }
            }
            Data::Segment { segment, dead } => {
                if let Some(dead) = dead {
                    for (word, bits) in bits.iter_mut().enumerate() {
                        *bits &= !dead.word(first + word as u32 * 64);
                    }
                }
                if self.timed {
                    self.check_times(segment, first, count, &mut bits)?;
                }
            }
        }
        Ok(bits)
    }

    fn check_times(
        &mut self,
        segment: &Segment,
        first: u32,
        count: u32,
        bits: &mut Bits,
    ) -> Result<(), LexicalError> {
        let Some(cursor) = &mut self.cursor else { return Ok(()) };
        let range = self.since_ms..=self.until_ms;
        for from in (0..count).step_by(BLOCK) {
            let words = from as usize / 64..(from as usize + BLOCK) / 64;
            if bits.get(words.clone()).is_none_or(|words| words.iter().all(|word| *word == 0)) {
                continue;
            }
            let block = (first + from) / BLOCK as u32;
            let entry = segment.row_entry(cursor, block)?;
            if range.contains(&entry.min_ms) && range.contains(&entry.max_ms) {
                continue;
            }
            if entry.max_ms < self.since_ms || entry.min_ms > self.until_ms {
                bits.iter_mut().take(words.end).skip(words.start).for_each(|word| *word = 0);
                continue;
            }
            for (at, time) in segment.times(cursor, block)?.into_iter().enumerate() {
                if !range.contains(&time) {
                    clear(bits, from as usize + at);
                }
            }
        }
        Ok(())
    }
}

#[inline]
pub(super) fn set(bits: &mut Bits, doc: usize) {
    if let Some(word) = bits.get_mut(doc / 64) {
        *word |= 1 << (doc % 64);
    }
}

fn clear(bits: &mut Bits, doc: usize) {
    if let Some(word) = bits.get_mut(doc / 64) {
        *word &= !(1 << (doc % 64));
    }
}

/// The documents whose bits are set.
pub(super) fn each(bits: &Bits, mut tell: impl FnMut(usize)) {
    for (at, word) in bits.iter().enumerate() {
        let mut word = *word;
        while word != 0 {
            tell(at * 64 + word.trailing_zeros() as usize);
            word &= word - 1;
        }
    }
}

/// The same, from the last to the first.
pub(super) fn each_back(bits: &Bits, mut tell: impl FnMut(usize)) {
    for (at, word) in bits.iter().enumerate().rev() {
        let mut word = *word;
        while word != 0 {
            let bit = 63 - word.leading_zeros() as usize;
            tell(at * 64 + bit);
            word &= !(1 << bit);
        }
    }
}
