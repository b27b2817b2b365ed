//! What a close code means: <https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes>.

use std::time::Duration;

use super::client::bad_token;
use crate::error::ConnectError;

/// Wait after too many events of ours.
const TOO_FAST: Duration = Duration::from_secs(60);

/// How a connection ended.
pub(super) struct Ending {
    pub(super) error: ConnectError,
    /// Whether the session is still there.
    pub(super) session: bool,
}

pub(super) fn ending(code: u16) -> Ending {
    let refused = |reason: String| ConnectError::Refused { reason };
    let error = match code {
        4004 => refused(bad_token()),
        4014 => refused(NO_CONTENT.to_owned()),
        4011 => refused(
            "the bot is in too many servers for one connection (4011); this version makes one".to_owned(),
        ),
        4010 | 4012 | 4013 => refused(format!(
            "Discord does not take what this version of the gateway asks for ({code}); is there a newer one?"
        )),
        4008 => ConnectError::Later {
            after: TOO_FAST,
            reason: "Discord was told too much at once (4008)".to_owned(),
        },
        code => ConnectError::lost(format!("Discord closed the connection ({code})")),
    };
    Ending { error, session: !matches!(code, 4003 | 4004 | 4007 | 4009..=4014) }
}

/// What to do when the app may not read messages.
pub(super) const NO_CONTENT: &str = "the Discord app may not read what messages say: switch on Message Content Intent at https://discord.com/developers/applications, under Bot, Privileged Gateway Intents; then change or reload `channels.discord`";
