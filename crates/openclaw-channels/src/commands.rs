//! What people can tell the assistant itself, on every platform: `/new`, `/stop`, …, or with `!` where the platform keeps `/` to
//! itself.

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Begin a new conversation.
    New,
    /// Stop what is being answered.
    Stop,
    /// Tell how things stand.
    Status,
    /// Tell what there is.
    Help,
    /// Get answers that were too old to be sent.
    Missed,
    /// Allow what the assistant asked for.
    Approve,
    /// Deny it.
    Deny,
}

/// A command as platforms register it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandInfo {
    /// Which.
    pub command: Command,
    /// Its name, without the slash.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
}

/// Every command, in the order it is shown.
pub const COMMANDS: &[CommandInfo] = &[
    CommandInfo { command: Command::New, name: "new", about: "Begin a new conversation" },
    CommandInfo { command: Command::Stop, name: "stop", about: "Stop the answer under way" },
    CommandInfo { command: Command::Status, name: "status", about: "Show how things stand" },
    CommandInfo {
        command: Command::Missed,
        name: "missed",
        about: "Get answers that could not be delivered",
    },
    CommandInfo { command: Command::Approve, name: "approve", about: "Allow what the assistant asked for" },
    CommandInfo { command: Command::Deny, name: "deny", about: "Deny it" },
    CommandInfo { command: Command::Help, name: "help", about: "Show the commands" },
];

/// The command that `text` is, if it is one: `/new`, `!new`, `/new@some_bot`. What follows it is not looked at.
#[must_use]
pub fn command(text: &str) -> Option<Command> {
    let word = text.split_whitespace().next()?;
    let name = word.strip_prefix(['/', '!'])?;
    let name = name.split('@').next()?.to_ascii_lowercase();
    // What Telegram sends when somebody opens the chat.
    let name = if name == "start" { "help" } else { name.as_str() };
    COMMANDS.iter().find(|info| info.name == name).map(|info| info.command)
}

/// The list of commands, as Markdown.
pub(crate) fn help(mark: char) -> String {
    let mut text =
        "I'm your assistant: write to me, and I answer. In groups, mention me or reply to me.\n".to_owned();
    for info in COMMANDS {
        text.push_str(&format!("\n- `{mark}{}` – {}", info.name, info.about));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_at_the_head_only() {
        for (text, expected) in [
            ("/new", Some(Command::New)),
            ("  /Stop@my_bot now", Some(Command::Stop)),
            ("!status", Some(Command::Status)),
            ("/start", Some(Command::Help)),
            ("/unknown", None),
            ("please /new", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(command(text), expected, "{text}");
        }
    }
}
