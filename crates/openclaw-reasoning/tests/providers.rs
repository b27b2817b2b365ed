//! Providers and router against scripted servers on the loopback.

mod providers {
    mod anthropic;
    mod faults;
    mod kit;
    mod ollama;
    mod openai;
    mod routes;
    mod secrets;
}
