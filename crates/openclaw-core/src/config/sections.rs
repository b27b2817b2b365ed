//! `channels`: the chat platforms.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use crate::Secret;

/// One chat platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelConfig {
    /// Whether to connect. Default true.
    pub enabled: bool,
    /// The bot's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Further secrets by the platform's own names: Slack's `app_token`, ….
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
    /// Where the platform's API is, when not at its own address.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "super::url::serialize")]
    pub base_url: Option<String>,
    /// Further settings by the platform's own names: IRC's `nick`, …. `gateway channel add` asks for them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Who may talk to the assistant, by the platform's user ids. Default: nobody.
    pub allowed_users: Vec<String>,
    /// Groups, channels and rooms in which everybody may, by the platform's ids. Default: none.
    pub allowed_chats: Vec<String>,
    /// Whether a one-time code lets others in: `gateway channel pair`. Default true.
    pub pairing: bool,
    /// What is one conversation in a group. Default `chat`. A direct chat and a thread are always one.
    pub conversations: Grouping,
    /// Age, such as `30m` or `1h`, above which an answer that could not be delivered is offered instead of sent. Default `1h`;
    /// one minute to 30 days.
    #[serde(with = "age")]
    pub max_reply_age: Duration,
}

/// What is one conversation in a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    /// The group.
    #[default]
    Chat,
    /// Each member of it.
    User,
}

/// Bounds of `max_reply_age`.
const REPLY_AGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 60 * 60);

/// Durations as people write them: a whole number and one of `s`, `m`, `h`, `d`.
mod age {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

    pub(super) fn parse(text: &str) -> Option<Duration> {
        let text = text.trim();
        let (last, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let number: u64 = text.strip_suffix(last)?.trim_end().parse().ok()?;
        number.checked_mul(seconds).map(Duration::from_secs)
    }

    pub(super) fn serialize<S: Serializer>(age: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = age.as_secs();
        let fits = |(_, seconds): &(char, u64)| whole.is_multiple_of(*seconds) && whole >= *seconds;
        let (unit, seconds) = UNITS.into_iter().find(fits).unwrap_or(('s', 1));
        serializer.collect_str(&format_args!("{}{unit}", whole / seconds))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom("must be a time such as 30m, 1h or 2d"))
    }
}

impl ChannelConfig {
    pub(super) fn check(&self, key: &str, problems: &mut Vec<InvalidValue>) {
        if self.base_url.as_deref().is_some_and(super::url::has_user) {
            let reason = "must not carry a user or a password; put it into `token` or `secrets`";
            problems.push(InvalidValue::new(format!("{key}.base_url"), reason));
        }
        if !REPLY_AGE.contains(&self.max_reply_age) {
            problems.push(InvalidValue::new(format!("{key}.max_reply_age"), "must be from 1m to 30d"));
        }
    }
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            token: None,
            secrets: BTreeMap::new(),
            base_url: None,
            options: BTreeMap::new(),
            allowed_users: Vec::new(),
            allowed_chats: Vec::new(),
            pairing: true,
            conversations: Grouping::default(),
            max_reply_age: Duration::from_secs(60 * 60),
        }
    }
}

/// Every channel type the contract knows; `api` and `internal` are always there and not configured.
pub const CHANNEL_TYPES: [&str; 10] =
    ["api", "internal", "telegram", "discord", "slack", "matrix", "webhook", "irc", "whatsapp", "signal"];

pub(super) fn check_channel_type(name: &str, problems: &mut Vec<InvalidValue>) {
    let configurable = &CHANNEL_TYPES[2..];
    if !configurable.contains(&name) {
        problems.push(InvalidValue::new(
            format!("channels.{name}"),
            format!("is no channel type; known: {}", configurable.join(", ")),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_and_written_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h", 3600), (" 2 d", 172_800)] {
            assert_eq!(age::parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "1", "1.5h", "-1h", "1w", "99999999999999999999d", "18446744073709551615d"] {
            assert_eq!(age::parse(text), None, "{text}");
        }
        let shown = serde_json::to_value(ChannelConfig::default()).unwrap();
        assert_eq!(shown["max_reply_age"], "1h");
        let back: ChannelConfig = serde_json::from_value(shown).unwrap();
        assert_eq!(back, ChannelConfig::default());
    }

    #[test]
    fn an_age_has_bounds() {
        let mut problems = Vec::new();
        let config = ChannelConfig { max_reply_age: Duration::from_secs(1), ..ChannelConfig::default() };
        config.check("channels.irc", &mut problems);
        assert_eq!(problems[0].key, "channels.irc.max_reply_age");
    }
}
