//! Skills as a program that embeds this crate has them: real directories, real sandboxes.
#![cfg(all(test, target_os = "linux"))]

mod calls;
mod network;
mod support;
