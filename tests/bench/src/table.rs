//! The table that is printed at the end.

use std::fmt;

/// Rows of what was measured, what came out, and what is wanted.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 3]>,
    appendix: String,
}

impl Table {
    /// Adds a row.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        found: impl Into<String>,
        target: impl Into<String>,
    ) {
        self.rows.push([what.into(), found.into(), target.into()]);
    }

    /// Adds what another program measured, as it printed it.
    pub(crate) fn append(&mut self, title: &str, text: &str) {
        self.appendix += &format!("\n{title}\n{text}");
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["what".to_owned(), "measured".to_owned(), "target".to_owned()];
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&head]).map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2)];
        let mut line = |row: &[String; 3]| {
            writeln!(f, "| {:3$} | {:4$} | {:5$} |", row[0], row[1], row[2], widths[0], widths[1], widths[2])
        };
        line(&head)?;
        line(&widths.map(|width| "-".repeat(width)))?;
        self.rows.iter().try_for_each(line)?;
        f.write_str(&self.appendix)
    }
}

/// The median of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    quantile(&figures, 0.5)
}

/// The figure of sorted ones that so much of them is below.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
