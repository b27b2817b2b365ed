//! Why a `SKILL.md` is refused, in words for its author.

use super::{FILE_BYTES, HEAD_BYTES};

/// Why a `SKILL.md` is refused. Lines count from 1 in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManifestError {
    /// The whole file is too long.
    #[error(
        "SKILL.md is longer than {} KiB: move details to files beside it and name them in the text",
        FILE_BYTES / 1024
    )]
    TooLong,
    /// The front matter is too long.
    #[error(
        "the front matter is longer than {} KiB: keep what describes the skill, move the rest below it",
        HEAD_BYTES / 1024
    )]
    HeadTooLong,
    /// The file doesn't begin with `---`.
    #[error(
        "SKILL.md has no front matter: begin it with a line `---`, then `name:` and `description:`, then a line `---`"
    )]
    NoHead,
    /// There is no second `---`.
    #[error("the front matter that begins on line {line} has no end: put a line `---` behind its last field")]
    Unclosed {
        /// Where it begins.
        line: usize,
    },
    /// It is not the YAML that is read here.
    #[error("the front matter can't be read (line {line}): {message}")]
    Syntax {
        /// Where.
        line: usize,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A field that every skill must have.
    #[error("the front matter has no `{field}`: add {hint}")]
    Missing {
        /// Which.
        field: &'static str,
        /// What to write.
        hint: &'static str,
    },
    /// A field whose value can't be used.
    #[error("`{field}` (line {line}) {reason}")]
    Field {
        /// Which.
        field: String,
        /// Where it begins.
        line: usize,
        /// What is wrong, and what to do; goes on where the field's name ends.
        reason: String,
    },
    /// The table of parameters in the text can't be used.
    #[error("the table of parameters (line {line}) {reason}")]
    Table {
        /// Where its header stands.
        line: usize,
        /// What is wrong, and what to do; goes on where "the table of parameters" ends.
        reason: String,
    },
}
