//! How a skill is spoken to once it runs.

mod lines;
pub(crate) mod mcp;
pub(crate) mod stdio;
