//! The order of a conversation's records. What its runs did stays in the order of the log, whatever the clock said.
//! Imported messages go by their own times: before the first run that was accepted later, never between a question and its
//! answer. Records are stored in that order, and nearly always come in it, so that nothing has to be sorted.

use super::entry::{Entry, EntryKind};

/// How far some records of a conversation reach, as far as that decides whether others continue them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// When the first of its runs' records was accepted; the least of all times when that record itself is elsewhere.
    first_run: Option<i64>,
    /// When the latest run was accepted.
    pub(super) runs_top: i64,
    imports_low: i64,
    /// The latest imported message.
    pub(super) imports_top: i64,
}

impl Span {
    pub(crate) const EMPTY: Self =
        Self { first_run: None, runs_top: i64::MIN, imports_low: i64::MAX, imports_top: i64::MIN };

    /// What is written of a span: enough to tell whether others continue it.
    pub(super) fn reaching(runs_top: i64, imports_top: i64) -> Self {
        Self { runs_top, imports_top, ..Self::EMPTY }
    }

    fn of_one(entry: &Entry) -> Self {
        match entry.kind {
            EntryKind::Imported => Self { imports_low: entry.at_ms, imports_top: entry.at_ms, ..Self::EMPTY },
            EntryKind::Accepted => {
                Self { first_run: Some(entry.at_ms), runs_top: entry.at_ms, ..Self::EMPTY }
            }
            _ => Self { first_run: Some(i64::MIN), ..Self::EMPTY },
        }
    }

    /// Adds a record. False: it does not belong at the end.
    pub(super) fn push(&mut self, entry: &Entry) -> bool {
        let one = Self::of_one(entry);
        let continues = self.continues_with(&one);
        *self = self.then(&one);
        continues
    }

    pub(super) fn then(&self, later: &Self) -> Self {
        Self {
            first_run: self.first_run.or(later.first_run),
            runs_top: self.runs_top.max(later.runs_top),
            imports_low: self.imports_low.min(later.imports_low),
            imports_top: self.imports_top.max(later.imports_top),
        }
    }

    /// Whether records in order, followed by later records in order, are in order.
    pub(super) fn continues_with(&self, later: &Self) -> bool {
        let imports = later.imports_low >= self.runs_top.max(self.imports_top);
        let runs = later
            .first_run
            .is_none_or(|first| self.imports_top == i64::MIN || first.max(self.runs_top) > self.imports_top);
        imports && runs
    }
}

/// How far records reach.
pub(super) fn span_of(entries: &[Entry]) -> Span {
    entries.iter().fold(Span::EMPTY, |span, entry| span.then(&Span::of_one(entry)))
}

/// Puts all records of a conversation in order.
pub(super) fn arrange(entries: &mut Vec<Entry>) {
    let (mut runs, mut imports): (Vec<Entry>, Vec<Entry>) =
        entries.drain(..).partition(|entry| entry.kind != EntryKind::Imported);
    runs.sort_unstable_by_key(|entry| entry.at.lsn);
    imports.sort_unstable_by_key(|entry| (entry.at_ms, entry.at.lsn));
    let mut imports = imports.into_iter().peekable();
    let mut reached = i64::MIN;
    for entry in runs {
        if entry.kind == EntryKind::Accepted {
            reached = reached.max(entry.at_ms);
            while let Some(earlier) = imports.next_if(|import| import.at_ms < reached) {
                entries.push(earlier);
            }
        }
        entries.push(entry);
    }
    entries.extend(imports);
}

#[cfg(test)]
mod tests {
    use openclaw_core::Lsn;
    use proptest::prelude::*;

    use super::*;
    use crate::wal::Pointer;

    /// Kind (0 accepted, 1 end, 2 imported) and time of records that come one after another.
    fn entries(of: &[(u8, i64)]) -> Vec<Entry> {
        let entry = |(lsn, (kind, at_ms)): (u64, &(u8, i64))| {
            let at = Pointer { lsn: Lsn(lsn), offset: 0, len: 0 };
            match kind {
                0 => Entry { at, run: at.lsn, kind: EntryKind::Accepted, at_ms: *at_ms },
                1 => Entry { at, run: at.lsn, kind: EntryKind::Answered, at_ms: 0 },
                _ => Entry { at, run: at.lsn, kind: EntryKind::Imported, at_ms: *at_ms },
            }
        };
        (1..).zip(of).map(entry).collect()
    }

    fn arranged(mut entries: Vec<Entry>) -> Vec<Entry> {
        arrange(&mut entries);
        entries
    }

    #[test]
    fn imports_go_by_time_and_never_split_a_turn() {
        let mixed = entries(&[(0, 10), (1, 0), (2, 5), (2, 10), (0, 20), (2, 15), (1, 0), (2, 30), (2, 25)]);
        let order: Vec<u64> = arranged(mixed).iter().map(|entry| entry.at.lsn.0).collect();
        assert_eq!(order, [3, 1, 2, 4, 6, 5, 7, 9, 8]);
    }

    proptest! {
        #[test]
        fn what_continues_needs_no_sorting(
            first in prop::collection::vec((0_u8..3, 0_i64..6), 0..6),
            second in prop::collection::vec((0_u8..3, 0_i64..6), 0..6),
        ) {
            let all: Vec<_> = first.iter().chain(&second).copied().collect();
            let all = entries(&all);
            let mut span = Span::EMPTY;
            let sorted = all.iter().map(|entry| span.push(entry)).fold(true, |sorted, next| sorted & next);
            prop_assert_eq!(span, span_of(&all));
            prop_assert!(!sorted || arranged(all.clone()) == all);
            // The same in two parts, each in order.
            let (one, two) = all.split_at(first.len());
            let (one, two) = (arranged(one.to_vec()), arranged(two.to_vec()));
            let (spans, joined) = ((span_of(&one), span_of(&two)), [one, two].concat());
            prop_assert_eq!(
                (span.runs_top, span.imports_top),
                (spans.0.then(&spans.1).runs_top, spans.0.then(&spans.1).imports_top)
            );
            let written = Span::reaching(spans.0.runs_top, spans.0.imports_top);
            prop_assert_eq!(written.continues_with(&spans.1), spans.0.continues_with(&spans.1));
            if written.continues_with(&spans.1) {
                prop_assert_eq!(arranged(joined.clone()), joined);
            }
        }
    }
}
