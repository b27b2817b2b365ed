//! The program around the crates: it parses arguments, loads the configuration, wires, runs and drains.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     openclaw_gateway::main()
//! }
//! ```
//!
//! This crate must never know how a message is answered, stored or sent: it only decides which parts there are and what
//! they are told. Printing, the environment, signals and the process's log live here and nowhere else.

mod app;
mod bundled;
mod channel;
mod chat;
mod cli;
mod client;
mod compaction;
mod config;
mod doctor;
mod exit;
mod home;
mod memory;
mod model;
mod models;
mod open_files;
mod output;
mod persona;
mod run;
mod run_file;
mod settings;
mod signal;
mod skill;
mod status;
mod telemetry;
mod wire;

pub use app::main;
#[doc(hidden)]
pub use config::fuzz as fuzz_config;
#[doc(hidden)]
pub use memory::import::fuzz as fuzz_import;
