//! No markup: links as `text (target)`, lists with dashes, tables in columns.

use super::rules::Rules;

/// What [`plain`] returns.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// Rules for platforms without markup, notifications and fallbacks.
pub fn plain() -> Plain {
    Plain
}

impl Rules for Plain {
    fn rule(&self) -> &'static str {
        "---"
    }
}
