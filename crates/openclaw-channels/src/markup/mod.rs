//! Markdown, as assistants write it, made fit for chat platforms: split at a limit, and put into the platform's own markup.
//!
//! ```
//! use openclaw_channels::markup::{render, split, telegram_html};
//!
//! let answer = "**Two** steps:\n\n1. `cargo build`\n2. done";
//! // Telegram counts UTF-16 units.
//! let units = |piece: &str| render(piece, &telegram_html()).encode_utf16().count();
//! let pieces = split(answer, 4096, &units);
//! assert_eq!(render(&pieces[0], &telegram_html()), "<b>Two</b> steps:\n\n1. <code>cargo build</code>\n2. done");
//! ```
//!
//! Whatever the text is, it is split and rendered: there is no error. Raw HTML is shown as text, and so are links to anything
//! but the schemes a platform's rules name.

mod cut;
mod discord;
mod doc;
mod files;
mod guard;
mod html;
mod inline;
mod layout;
mod plain;
mod read;
mod render;
mod rules;
mod slack;
mod split;
mod table;
mod telegram;
#[cfg(test)]
mod tests;
mod write;

pub use discord::{Discord, discord};
pub use doc::Table;
pub use files::{MAX_FILES, MAX_FILES_BYTES, files};
pub use html::{Html, html};
pub use inline::Style;
pub use plain::{Plain, plain};
pub use render::render;
pub use rules::Rules;
pub use slack::{SlackMrkdwn, slack_mrkdwn};
pub use split::split;
pub use telegram::{TelegramHtml, telegram_html};
