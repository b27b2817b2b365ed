//! Progress on standard error: a bar for people, nothing for programs.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use super::show::cut;

/// Time between two looks of the bar.
const REDRAW: Duration = Duration::from_millis(100);
const CELLS: u64 = 30;
/// Columns of the note behind the bar.
const NOTE: usize = 34;

pub(super) struct Bar {
    terminal: bool,
    drawn: Option<Instant>,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), drawn: None }
    }

    /// Whether anybody sees it.
    pub(super) fn is_seen(&self) -> bool {
        self.terminal
    }

    /// Draws it, unless it was drawn a moment ago.
    pub(super) fn show(&mut self, done: u64, whole: u64, note: &str) {
        if !self.terminal || self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return;
        }
        self.drawn = Some(Instant::now());
        // Nobody is served by failing the work because its bar can't be drawn.
        let _ = write!(io::stderr().lock(), "\r\u{1b}[K{}", picture(done, whole, note));
    }

    /// Takes it away.
    pub(super) fn end(&mut self) {
        if self.drawn.take().is_some() {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

fn picture(done: u64, whole: u64, note: &str) -> String {
    let (done, whole) = (done.min(whole), whole.max(1));
    let full = usize::try_from(u128::from(done) * u128::from(CELLS) / u128::from(whole)).unwrap_or_default();
    let empty = usize::try_from(CELLS).unwrap_or_default() - full;
    let percent = u128::from(done) * 100 / u128::from(whole);
    format!("[{}{}] {percent:>3} %  {}", "#".repeat(full), " ".repeat(empty), cut(note, NOTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_work() {
        assert_eq!(picture(1, 2, "half"), format!("[{}{}]  50 %  half", "#".repeat(15), " ".repeat(15)));
        assert!(picture(9, 0, "x").contains("]   0 %  x"), "nobody knows how much there is");
        assert!(picture(u64::MAX, u64::MAX, "").contains("100 %"));
    }
}
