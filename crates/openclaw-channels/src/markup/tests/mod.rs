//! What is expected of splitting and rendering: examples in `corpus`, `rendered` and `files`, laws in `laws`.

mod balance;
mod corpus;
mod cost;
mod files;
mod laws;
mod rendered;

use super::*;

/// What people see, without white space and what is not seen.
fn seen(markdown: &str) -> String {
    let shown = |char: &char| !char.is_whitespace() && !"\u{200b}>-|·".contains(*char);
    render(markdown, &plain()).chars().filter(shown).collect()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn telegram_units(piece: &str) -> usize {
    render(piece, &telegram_html()).encode_utf16().count()
}
