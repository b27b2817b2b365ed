//! How a skill is spoken to once it runs.

pub(crate) mod mcp;
pub(crate) mod stdio;
