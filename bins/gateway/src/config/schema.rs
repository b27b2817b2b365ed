//! Every key there is: its type, what is allowed, and when a change takes effect. The typed structs in `openclaw-core` stay
//! the truth; a test holds this table against them. It exists because one pass over it finds every mistake of a file at
//! once, each with its line, where deserialising would stop at the first.

use openclaw_core::config::CHANNEL_TYPES;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Any text; a number is taken as it is written.
    Text,
    /// A text that is never shown.
    Secret,
    /// `true` or `false`.
    Bool,
    /// A whole number between the two, both included.
    Int(i64, i64),
    /// A number.
    Float(f64, f64),
    /// An IP address.
    Ip,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    List,
    /// A section with these keys.
    Section(&'static [Key]),
    /// A section whose keys are names, each with such a section.
    Named(Names, &'static [Key]),
    /// A section whose keys are names, each with a secret.
    Secrets,
    /// A section whose keys are names, each with a text.
    Texts,
    /// A section whose keys are names, each with a list of texts.
    Lists,
}

/// Which names a [`Kind::Named`] section takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Any of `[A-Za-z0-9_-]{1,64}`.
    Free,
    /// The channel types that can be configured.
    ChannelTypes,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether a change waits for the next start.
    pub(crate) restart: bool,
}

const fn live(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, restart: false }
}

const fn at_restart(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, restart: true }
}

const U32: Kind = Kind::Int(0, u32::MAX as i64);

const AUTH: &[Key] = &[live("enabled", Kind::Bool), live("token", Kind::Secret)];
const RATE_LIMIT: &[Key] = &[live("requests_per_minute", U32)];
const LOGGING: &[Key] = &[
    live("level", Kind::Choice(&["trace", "debug", "info", "warn", "error"])),
    at_restart("file", Kind::Text),
];
const GATEWAY: &[Key] = &[
    at_restart("port", Kind::Int(0, 65535)),
    at_restart("bind", Kind::Ip),
    live("auth", Kind::Section(AUTH)),
    live("rate_limit", Kind::Section(RATE_LIMIT)),
    live("allowed_hosts", Kind::List),
    live("allowed_origins", Kind::List),
    live("logging", Kind::Section(LOGGING)),
];
const PROVIDER: &[Key] = &[
    live("type", Kind::Choice(&["anthropic", "openai", "ollama", "local"])),
    live("model", Kind::Text),
    live("api_key", Kind::Secret),
    live("base_url", Kind::Text),
    live("max_tokens", Kind::Int(1, u32::MAX as i64)),
    live("temperature", Kind::Float(0.0, 2.0)),
    live("timeout_ms", Kind::Int(100, i64::MAX)),
    live("max_retries", Kind::Int(0, 10)),
    live("context_window", Kind::Int(512, u32::MAX as i64)),
    live("vision", Kind::Bool),
    live("threads", Kind::Int(1, 1024)),
    live("idle_unload_seconds", Kind::Int(0, i64::MAX)),
];
const ROUTING: &[Key] = &[live("fallback", Kind::List)];
const COMPACTION: &[Key] = &[
    at_restart("enabled", Kind::Bool),
    at_restart("at", Kind::Text),
    at_restart("max_wal_mb", Kind::Int(1, 65_536)),
];
const RETENTION: &[Key] = &[
    at_restart("conversation_days", U32),
    at_restart("task_days", U32),
    at_restart("ephemeral_hours", Kind::Int(1, 8760)),
];
const MEMORY: &[Key] = &[
    at_restart("segment_mb", Kind::Int(1, 1024)),
    at_restart("checkpoint_mb", Kind::Int(1, 256)),
    at_restart("min_free_mb", U32),
    at_restart("compaction", Kind::Section(COMPACTION)),
    at_restart("retention", Kind::Section(RETENTION)),
    at_restart("encryption", Kind::Bool),
    at_restart("key_file", Kind::Text),
    at_restart("passphrase", Kind::Secret),
];
const SKILL_LIMITS: &[Key] = &[
    live("memory_mb", Kind::Int(16, 65_536)),
    live("processes", Kind::Int(8, 4096)),
    live("timeout_seconds", Kind::Int(1, 300)),
    live("concurrent", Kind::Int(1, 256)),
    live("warm", Kind::Int(0, 32)),
];
const SKILL_POLICY: &[Key] = &[
    live("allow", Kind::List),
    live("deny", Kind::List),
    live("require_signature", Kind::Bool),
    live("allow_private", Kind::List),
    live("images", Kind::List),
];
const SKILLS: &[Key] = &[
    live("engine", Kind::Choice(&["auto", "podman", "docker", "namespace", "none"])),
    live("rootless", Kind::Bool),
    live("registry", Kind::Text),
    live("registry_keys", Kind::List),
    live("approval", Kind::Choice(&["never", "always", "risky"])),
    live("env", Kind::Secrets),
    live("grants", Kind::Lists),
    live("limits", Kind::Section(SKILL_LIMITS)),
    live("policy", Kind::Section(SKILL_POLICY)),
];
const CHANNEL: &[Key] = &[
    live("enabled", Kind::Bool),
    live("token", Kind::Secret),
    live("secrets", Kind::Secrets),
    live("base_url", Kind::Text),
    live("options", Kind::Texts),
    live("allowed_users", Kind::List),
    live("allowed_chats", Kind::List),
    live("pairing", Kind::Bool),
    live("conversations", Kind::Choice(&["chat", "user"])),
    live("max_reply_age", Kind::Text),
];

/// The whole configuration.
pub(crate) const ROOT: &[Key] = &[
    live("gateway", Kind::Section(GATEWAY)),
    live("providers", Kind::Named(Names::Free, PROVIDER)),
    live("routing", Kind::Section(ROUTING)),
    live("memory", Kind::Section(MEMORY)),
    live("skills", Kind::Section(SKILLS)),
    live("channels", Kind::Named(Names::ChannelTypes, CHANNEL)),
];

/// What a section expects under a name: the kind, and whether a change of it waits for the next start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) kind: Kind,
    pub(crate) restart: bool,
}

impl Kind {
    /// What this kind expects under `name`.
    pub(crate) fn child(self, name: &str) -> Result<Expected, UnknownKey> {
        match self {
            Self::Section(keys) => match keys.iter().find(|key| key.name == name) {
                Some(key) => Ok(Expected { kind: key.kind, restart: key.restart }),
                None => Err(UnknownKey::Key(keys)),
            },
            Self::Named(Names::Free, keys) if is_name(name) => {
                Ok(Expected { kind: Self::Section(keys), restart: false })
            }
            Self::Named(Names::ChannelTypes, keys) if CHANNEL_TYPES[2..].contains(&name) => {
                Ok(Expected { kind: Self::Section(keys), restart: false })
            }
            Self::Named(Names::ChannelTypes, _) => Err(UnknownKey::ChannelType),
            Self::Secrets if is_name(name) => Ok(Expected { kind: Self::Secret, restart: false }),
            Self::Texts if is_name(name) => Ok(Expected { kind: Self::Text, restart: false }),
            Self::Lists if is_name(name) => Ok(Expected { kind: Self::List, restart: false }),
            Self::Named(Names::Free, _) | Self::Secrets | Self::Texts | Self::Lists => {
                Err(UnknownKey::BadName)
            }
            _ => Err(UnknownKey::NotASection),
        }
    }

    /// Whether values of this kind have keys of their own.
    pub(crate) fn is_section(self) -> bool {
        matches!(self, Self::Section(_) | Self::Named(..) | Self::Secrets | Self::Texts | Self::Lists)
    }

    /// What is allowed, to follow "must be".
    pub(crate) fn allowed(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Secret => "a text such as \"${ENV_VAR}\"".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Int(low, i64::MAX) => format!("a whole number, at least {low}"),
            Self::Int(low, high) => format!("a whole number from {low} to {high}"),
            Self::Float(low, high) => format!("a number from {low} to {high}"),
            Self::Ip => "an IP address such as 127.0.0.1 or ::1".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::List => "a list of texts such as [one, two]".to_owned(),
            Self::Section(keys) => format!("a section with the keys {}", names(keys)),
            Self::Named(Names::Free, keys) => {
                format!("a section of names, each with the keys {}", names(keys))
            }
            Self::Named(Names::ChannelTypes, keys) => {
                format!("a section of {}, each with the keys {}", CHANNEL_TYPES[2..].join(", "), names(keys))
            }
            Self::Secrets | Self::Texts => "a section of names, each with a text".to_owned(),
            Self::Lists => "a section of names, each with a list of texts".to_owned(),
        }
    }
}

/// Why a section does not take a name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UnknownKey {
    /// It has these keys only.
    Key(&'static [Key]),
    /// It is no channel type.
    ChannelType,
    /// Names look otherwise.
    BadName,
    /// The value has no keys at all.
    NotASection,
}

impl UnknownKey {
    /// What is wrong with `name`, and what was probably meant.
    pub(crate) fn explain(self, name: &str) -> String {
        let (what, known): (&str, Vec<&str>) = match self {
            Self::Key(keys) => ("is not a known key", keys.iter().map(|key| key.name).collect()),
            Self::ChannelType => ("is not a channel type", CHANNEL_TYPES[2..].to_vec()),
            Self::BadName => return "is not a name: use 1 to 64 of A-Z, a-z, 0-9, _ and -".to_owned(),
            Self::NotASection => return "has no keys of its own".to_owned(),
        };
        let allowed = known.join(", ");
        match nearest(name, &known) {
            Some(near) => format!("{what}; did you mean `{near}`? Allowed: {allowed}"),
            None => format!("{what}. Allowed: {allowed}"),
        }
    }
}

fn names(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The known word that `word` is most like, if any is like it.
pub(crate) fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let word = word.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), *candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// What the dotted `path` expects, if there is such a key. Elements of lists count as their list.
pub(crate) fn expected(path: &str) -> Option<Expected> {
    let mut here = Expected { kind: Kind::Section(ROOT), restart: false };
    for name in path.split('.') {
        let name = name.split('[').next().unwrap_or(name);
        let child = here.kind.child(name).ok()?;
        here = Expected { kind: child.kind, restart: here.restart || child.restart };
    }
    Some(here)
}

#[cfg(test)]
mod tests {
    use openclaw_core::{
        Secret,
        config::{ChannelConfig, Config, ProviderConfig, ProviderKind},
    };
    use serde_json::Value;

    use super::*;

    fn full() -> Config {
        let mut config = Config::default();
        config.memory.passphrase = Some(Secret::new("long enough"));
        let provider = ProviderConfig {
            model: Some(String::new()),
            api_key: Some(Secret::default()),
            base_url: Some(String::new()),
            max_tokens: Some(1),
            temperature: Some(1.0),
            timeout_ms: Some(1),
            max_retries: Some(1),
            context_window: Some(1),
            vision: Some(true),
            threads: Some(1),
            idle_unload_seconds: Some(1),
            ..ProviderConfig::new(ProviderKind::Local)
        };
        config.providers.insert("name".to_owned(), provider);
        config.skills.registry = Some(String::new());
        config.skills.env.insert("NAME".to_owned(), Secret::default());
        config.skills.grants.insert("files".to_owned(), Vec::new());
        let channel = ChannelConfig {
            token: Some(Secret::default()),
            secrets: [("name".to_owned(), Secret::default())].into(),
            base_url: Some(String::new()),
            options: [("name".to_owned(), String::new())].into(),
            ..ChannelConfig::default()
        };
        config.channels.insert("telegram".to_owned(), channel);
        config
    }

    fn compare(kind: Kind, value: &Value, path: &str) {
        let Value::Object(map) = value else {
            assert!(!kind.is_section(), "{path} is a section in the table only");
            return;
        };
        for (name, value) in map {
            let child = kind.child(name).unwrap_or_else(|_| panic!("{path}.{name} is missing in the table"));
            compare(child.kind, value, &format!("{path}.{name}"));
        }
        if let Kind::Section(keys) = kind {
            for key in keys {
                assert!(map.contains_key(key.name), "{path}.{} is in the table only", key.name);
            }
        }
    }

    #[test]
    fn the_table_is_the_typed_configuration() {
        compare(Kind::Section(ROOT), &serde_json::to_value(full()).unwrap(), "");
    }

    #[test]
    fn paths_know_when_they_take_effect() {
        assert!(expected("gateway.port").unwrap().restart);
        assert!(expected("memory.segment_mb").unwrap().restart);
        assert!(!expected("gateway.allowed_hosts[2]").unwrap().restart);
        assert!(matches!(expected("channels.slack.secrets.app_token").unwrap().kind, Kind::Secret));
        assert!(expected("gateway.prot").is_none());
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        assert_eq!(nearest("prot", &["port", "bind"]), Some("port"));
        assert_eq!(nearest("Rate-Limit", &["rate_limit", "bind"]), Some("rate_limit"));
        assert_eq!(nearest("zzz", &["port", "bind"]), None);
    }
}
