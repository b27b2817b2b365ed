//! What ran, what failed, what was skipped and why.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::Result;

/// How a step ended.
pub(crate) enum Outcome {
    /// It ran; the text says what it found, and may be empty.
    Passed(String),
    /// It can't run here.
    Skipped(String),
}

/// Tests, counted.
#[derive(Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

struct Row {
    name: &'static str,
    verdict: &'static str,
    took: Duration,
    note: String,
}

/// The table at the end.
pub(crate) struct Report {
    rows: Vec<Row>,
    require_all: bool,
    failed: bool,
    tally: Tally,
}

impl Report {
    /// An empty table. `require_all` turns every skip into a failure.
    pub(crate) fn new(require_all: bool) -> Self {
        Self { rows: Vec::new(), require_all, failed: false, tally: Tally::default() }
    }

    /// Carries out a step and notes how it went. A failed step does not stop the next: one run tells everything.
    pub(crate) fn step(&mut self, name: &'static str, step: impl FnOnce(&mut Tally) -> Result<Outcome>) {
        println!("\n== {name}");
        let start = Instant::now();
        let mut tally = Tally::default();
        let (verdict, note) = match step(&mut tally) {
            Ok(Outcome::Skipped(why)) if self.require_all => {
                ("FAILED", format!("skipped, but OPENCLAW_REQUIRE_ALL is set: {why}"))
            }
            Ok(Outcome::Skipped(why)) => ("skipped", why),
            Ok(Outcome::Passed(note)) if tally.skipped > 0 && self.require_all => (
                "FAILED",
                format!("{note}\ntests were skipped, but OPENCLAW_REQUIRE_ALL is set").trim().to_owned(),
            ),
            Ok(Outcome::Passed(note)) => ("ok", note),
            Err(error) => ("FAILED", format!("{error:#}")),
        };
        self.failed |= verdict == "FAILED";
        self.tally.passed += tally.passed;
        self.tally.failed += tally.failed;
        self.tally.skipped += tally.skipped;
        println!("-- {name}: {verdict}");
        self.rows.push(Row { name, verdict, took: start.elapsed(), note });
    }

    /// Prints the table and the closing line; returns whether all went well.
    pub(crate) fn finish(self) -> bool {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut table = String::from("\n== summary\n");
        for row in &self.rows {
            let mut notes = row.note.lines();
            let first = notes.next().unwrap_or_default();
            let took = row.took.as_secs_f64();
            let _ = writeln!(
                table,
                "{:width$}  {:7}  {took:7.1} s  {first}",
                row.name,
                row.verdict,
                width = width
            );
            for more in notes {
                let _ = writeln!(table, "{:1$}{more}", "", width + 22);
            }
        }
        let Tally { passed, failed, skipped } = self.tally;
        let _ = writeln!(table, "\n{passed} passed, {failed} failed, {skipped} skipped");
        print!("{table}");
        !self.failed
    }
}
