//! End-to-end tests. One binary, so that it is linked once; each test starts its own gateway on a port of the system's choice.

mod alive;
mod attachments;
mod auth;
mod cancel;
mod config;
mod connections;
mod conversations;
mod crash;
mod curl;
mod disk;
mod erase;
mod health;
mod idempotency;
mod limits;
mod local_model;
mod logs;
mod memory;
mod message;
mod providers;
mod requests;
mod restart;
mod secrets;
mod skills_channels;
mod startup;
mod stream;
mod websocket;
