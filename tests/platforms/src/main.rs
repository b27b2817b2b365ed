//! A platform server as a program, for clients in other languages: `openclaw-platforms slack --port 0` prints its address.

use std::process::ExitCode;

use openclaw_platforms::{Discord, Slack, Telegram};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let port = arguments.iter().position(|argument| argument == "--port");
    let port = port.and_then(|at| arguments.get(at + 1)).and_then(|port| port.parse().ok()).unwrap_or(0);
    match arguments.first().map(String::as_str) {
        Some("discord") => serve(Discord::start_on(port, "discord-test-token").await, Discord::url).await,
        Some("slack") => serve(Slack::start_on(port, "xoxb-test", "xapp-test").await, Slack::url).await,
        Some("telegram") => serve(Telegram::start_on(port, "42:TEST").await, Telegram::url).await,
        _ => {
            eprintln!("Usage: openclaw-platforms discord|slack|telegram [--port N]");
            ExitCode::from(2)
        }
    }
}

/// Says where the server is, and keeps it until the program is ended.
async fn serve<T>(server: std::io::Result<T>, url: fn(&T) -> String) -> ExitCode {
    match server {
        Ok(server) => {
            println!("{}", url(&server));
            std::future::pending().await
        }
        Err(error) => {
            eprintln!("the server can't listen: {error}");
            ExitCode::FAILURE
        }
    }
}
