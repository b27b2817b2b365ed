//! The log engine, from outside: on a real disk, on a failing one, and with damaged files.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "these are tests, helpers included")]

mod archive;
mod crash_matrix;
mod damage;
mod faults;
mod golden;
mod handles;
mod kit;
mod log;
mod model;
mod properties;
