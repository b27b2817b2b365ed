//! The files that the gateway writes or prints.

/// Every key with its default and what it means; `gateway config default` prints it.
pub(crate) const DEFAULT: &str = include_str!("templates/default.yaml");

/// The assistant's persona at the first start.
pub(crate) const SOUL: &str = include_str!("templates/soul.md");

const FIRST: &str = include_str!("templates/first.yaml");

/// The first `gateway.yaml`, with this token.
pub(crate) fn first(token: &str) -> String {
    FIRST.replace("@TOKEN@", token)
}
