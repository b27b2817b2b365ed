//! The sandbox: what runs a skill, and what keeps it in.

#[cfg(target_os = "linux")]
mod ended;
#[cfg(target_os = "linux")]
mod forward;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
pub(crate) mod init;
#[cfg(target_os = "linux")]
mod plan;
