//! What a skill asks for (a permission), written as in `network:api.example.com`; what was approved is a grant.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest permission, in bytes.
const BYTES: usize = 1024;

/// One permission. Nothing that is not declared is reachable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// `network:HOST`: reach a host through the gateway's egress proxy.
    Network(HostPattern),
    /// `filesystem:read:/PATH`: read a file or folder of the host, seen under its own path.
    Read(String),
    /// `filesystem:write:/PATH`: read and change it.
    Write(String),
    /// `env:NAME`: get this variable.
    Env(String),
    /// `shell`: run programs that are neither its own nor its interpreter.
    Shell,
}

/// A host, all hosts below a domain, or every host; with the ports 80 and 443 unless one is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPattern {
    /// `api.example.com`, `*.example.com`, `*`, or an address; lower case, IPv6 without brackets.
    host: String,
    port: Option<u16>,
}

/// A text that is no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no permission: {reason}. Allowed: network:HOST[:PORT], network:*.DOMAIN, filesystem:read:/PATH, \
     filesystem:write:/PATH, env:NAME, shell"
)]
pub struct InvalidPermission {
    /// The text, cut short.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl HostPattern {
    /// Whether `host` (a name or an address as a client wrote it) at `port` is meant. Names are compared without case and
    /// without a dot at the end. `*` and `*.domain` never mean an address.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let is_port = self.port.map_or(matches!(port, 80 | 443), |only| only == port);
        if !is_port {
            return false;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = host.parse::<std::net::IpAddr>() {
            return self.host.parse::<std::net::IpAddr>().is_ok_and(|own| own == address);
        }
        let host = host.to_ascii_lowercase();
        match self.host.strip_prefix('*') {
            Some("") => !host.is_empty(),
            // The dot stays: `*.example.com` is what lies below, as in certificates, not the domain itself.
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => host == self.host,
        }
    }

    /// Whether every host that `other` means is meant by this one, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if self.port.is_some() && self.port != other.port {
            return false;
        }
        if self.port.is_none() && other.port.is_some_and(|port| port != 80 && port != 443) {
            return false;
        }
        match self.host.strip_prefix('*') {
            Some("") => other.host.parse::<std::net::IpAddr>().is_err(),
            Some(suffix) => other.host.len() > suffix.len() && other.host.ends_with(suffix),
            None => self.host == other.host,
        }
    }

    /// Whether this means every host there is.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.host == "*"
    }
}

impl FromStr for HostPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("the address has no closing bracket")?;
                (host, rest.strip_prefix(':'))
            }
            None if text.parse::<std::net::Ipv6Addr>().is_ok() => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) => match port.parse::<u16>() {
                Ok(port) if port > 0 => Some(port),
                _ => return Err("the port must be 1 to 65535"),
            },
            None => None,
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if host.parse::<std::net::IpAddr>().is_ok() || host == "*" {
            return Ok(Self { host, port });
        }
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if name.is_empty() || name.len() > 253 || !name.split('.').all(label) {
            return Err(
                "the host must be a name such as api.example.com, *.example.com, * or an address; no scheme, no path",
            );
        }
        // A suffix as short as `*.com` would be as good as everything and look like less.
        if host.starts_with("*.") && !name.contains('.') {
            return Err("`*.` must stand before a domain with a dot, such as *.example.com");
        }
        Ok(Self { host, port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host.contains(':'), self.port) {
            (true, Some(port)) => write!(f, "[{}]:{port}", self.host),
            (false, Some(port)) => write!(f, "{}:{port}", self.host),
            (_, None) => f.write_str(&self.host),
        }
    }
}

impl Permission {
    /// Whether whoever has this has `other`, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Network(own), Self::Network(other)) => own.covers(other),
            (Self::Read(own), Self::Read(other))
            | (Self::Write(own), Self::Write(other) | Self::Read(other)) => is_below(own, other),
            (Self::Env(own), Self::Env(other)) => own == other,
            (Self::Shell, Self::Shell) => true,
            _ => false,
        }
    }
}

/// Whether `path` is `folder` or lies below it; both are absolute and have no `.` or `..`.
fn is_below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder.ends_with('/'))
}

/// An absolute path in its plainest writing: no `.`, no `//`, no `/` at the end; or one below the home directory, `~/…`.
fn plain_path(text: &str) -> Result<String, &'static str> {
    let (head, rest) = match text.strip_prefix("~/") {
        Some(rest) => ("~", rest),
        None => ("", text.strip_prefix('/').ok_or("the path must begin with / or ~/")?),
    };
    let mut path = head.to_owned();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("the path must not contain `..`"),
            part => {
                path.push('/');
                path.push_str(part);
            }
        }
    }
    match path.as_str() {
        "" => Ok("/".to_owned()),
        "~" => Err("the path must name something below the home directory, not all of it"),
        _ => Ok(path),
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, InvalidPermission> {
        let invalid = |reason| InvalidPermission {
            text: text.chars().filter(|c| !c.is_control()).take(100).collect(),
            reason,
        };
        let text = text.trim();
        if text.len() > BYTES || text.chars().any(char::is_control) {
            return Err(invalid("it is too long, or has control characters"));
        }
        if text == "shell" {
            return Ok(Self::Shell);
        }
        match text.split_once(':') {
            Some(("network", host)) => host.parse().map(Self::Network).map_err(invalid),
            Some(("env", name)) => {
                let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
                if begins && name.len() <= 128 && name.bytes().all(inner) {
                    Ok(Self::Env(name.to_owned()))
                } else {
                    Err(invalid("a variable's name is made of letters, digits and `_`"))
                }
            }
            Some(("filesystem", rest)) => match rest.split_once(':') {
                Some(("read", path)) => plain_path(path).map(Self::Read).map_err(invalid),
                Some(("write", path)) => plain_path(path).map(Self::Write).map_err(invalid),
                _ => Err(invalid("after `filesystem:` comes `read:` or `write:` and a path")),
            },
            _ => Err(invalid("it begins with none of the known words")),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(host) => write!(f, "network:{host}"),
            Self::Read(path) => write!(f, "filesystem:read:{path}"),
            Self::Write(path) => write!(f, "filesystem:write:{path}"),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Shell => f.write_str("shell"),
        }
    }
}

impl Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of permissions, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Whether one of them covers `wanted`.
    #[must_use]
    pub fn covers(&self, wanted: &Permission) -> bool {
        self.0.iter().any(|own| own.covers(wanted))
    }

    /// Those of them that `granted` does not cover.
    #[must_use]
    pub fn beyond(&self, granted: &Self) -> Self {
        Self(self.0.iter().filter(|wanted| !granted.covers(wanted)).cloned().collect())
    }

    /// Adds one.
    pub fn insert(&mut self, permission: Permission) {
        self.0.insert(permission);
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each as it is written.
    #[must_use]
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

impl Extend<Permission> for Permissions {
    fn extend<I: IntoIterator<Item = Permission>>(&mut self, permissions: I) {
        self.0.extend(permissions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_writes_every_kind() {
        for text in [
            "network:api.example.com",
            "network:*.example.com",
            "network:*",
            "network:api.example.com:8443",
            "network:[::1]:80",
            "network:2001:db8::1",
            "network:10.0.0.1",
            "filesystem:read:/srv/data",
            "filesystem:write:~/notes",
            "filesystem:read:/",
            "env:API_KEY",
            "shell",
        ] {
            assert_eq!(text.parse::<Permission>().unwrap().to_string(), text);
        }
        let plain: Permission = "filesystem:read://srv/./data/".parse().unwrap();
        assert_eq!(plain.to_string(), "filesystem:read:/srv/data");
    }

    #[test]
    fn refuses_what_could_mean_more_than_it_says() {
        for text in [
            "",
            "network",
            "network:",
            "network:https://example.com",
            "network:example.com/path",
            "network:*.com",
            "network:ex*mple.com",
            "network:example.com:0",
            "network:user@example.com",
            "filesystem:/srv",
            "filesystem:read:srv",
            "filesystem:read:/srv/../etc",
            "filesystem:write:~",
            "filesystem:write:~/",
            "env:",
            "env:A=B",
            "env:1A",
            "shell:ls",
            "everything",
            "network:exa\nmple.com",
        ] {
            assert!(text.parse::<Permission>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_means_its_hosts_and_no_others() {
        for (pattern, name, port, expected) in [
            ("example.com", "EXAMPLE.com.", 443, true),
            ("example.com", "example.com", 80, true),
            ("example.com", "example.com", 22, false),
            ("example.com:22", "example.com", 22, true),
            ("example.com:22", "example.com", 443, false),
            ("example.com", "api.example.com", 443, false),
            ("*.example.com", "api.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", "badexample.com", 443, false),
            ("*.example.com", "example.com.evil.org", 443, false),
            ("*", "anything.org", 443, true),
            ("*", "127.0.0.1", 80, false),
            ("*", "[::1]", 80, false),
            ("10.0.0.1", "10.0.0.1", 80, true),
            ("::1", "[0:0:0:0:0:0:0:1]", 80, true),
            ("*", "", 80, false),
        ] {
            assert_eq!(host(pattern).matches(name, port), expected, "{pattern} {name}:{port}");
        }
    }

    #[test]
    fn covers_is_at_least_what_matches_allows() {
        for (own, other, expected) in [
            ("network:*", "network:api.example.com", true),
            ("network:*", "network:api.example.com:22", false),
            ("network:*", "network:10.0.0.1", false),
            ("network:*.example.com", "network:api.example.com", true),
            ("network:*.example.com", "network:*.api.example.com", true),
            ("network:*.example.com", "network:*", false),
            ("network:api.example.com", "network:*.example.com", false),
            ("network:api.example.com", "network:api.example.com:443", true),
            ("network:api.example.com:443", "network:api.example.com", false),
            ("filesystem:write:/srv", "filesystem:read:/srv/data", true),
            ("filesystem:read:/srv", "filesystem:write:/srv/data", false),
            ("filesystem:read:/srv", "filesystem:read:/srvdata", false),
            ("filesystem:read:/", "filesystem:read:/srv", true),
            ("shell", "shell", true),
            ("env:A", "env:B", false),
        ] {
            let (own_one, other_one): (Permission, Permission) =
                (own.parse().unwrap(), other.parse().unwrap());
            assert_eq!(own_one.covers(&other_one), expected, "{own} {other}");
        }
    }

    #[test]
    fn what_is_beyond_a_grant_is_named() {
        let set = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Permissions>();
        let wanted = set(&["network:api.example.com", "shell", "filesystem:read:/srv/data"]);
        let granted = set(&["network:*.example.com", "filesystem:read:/srv"]);
        assert_eq!(wanted.beyond(&granted).to_texts(), ["shell"]);
    }
}
