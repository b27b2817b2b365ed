//! Tables drawn with characters.

use pulldown_cmark::Alignment;
use unicode_width::UnicodeWidthStr as _;

use super::doc::Table;

/// Columns wider than this are not padded: one long cell would push all others out of sight.
const MAX_COLUMN: usize = 40;

/// Its rows, in columns as wide as they are seen: an ideograph is two wide.
pub(super) fn aligned(table: &Table) -> String {
    let columns = table.aligns.len();
    let mut widths = vec![1; columns];
    for row in std::iter::once(&table.head).chain(&table.rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().min(MAX_COLUMN).max(*width);
        }
    }
    let mut lines = vec![line(table, &table.head, &widths)];
    lines.push(widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("-+-"));
    lines.extend(table.rows.iter().map(|row| line(table, row, &widths)));
    lines.join("\n")
}

fn line(table: &Table, row: &[String], widths: &[usize]) -> String {
    let mut cells = Vec::with_capacity(row.len());
    for ((cell, width), align) in row.iter().zip(widths).zip(&table.aligns) {
        let room = width.saturating_sub(cell.width());
        let left = match align {
            Alignment::Right => room,
            Alignment::Center => room / 2,
            Alignment::None | Alignment::Left => 0,
        };
        cells.push(format!("{}{cell}{}", " ".repeat(left), " ".repeat(room - left)));
    }
    cells.join(" | ").trim_end().to_owned()
}
