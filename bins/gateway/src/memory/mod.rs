//! `gateway memory`.

pub(crate) mod import;
