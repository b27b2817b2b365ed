//! Providers and router against scripted servers on the loopback.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod providers {
    mod anthropic;
    mod faults;
    mod fence;
    mod kit;
    mod ollama;
    mod openai;
    mod routes;
    mod secrets;
    mod tool_names;
}
