//! What a client wants to reach: a host and a port, read strictly.

use std::{fmt, net::IpAddr};

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// In lower case, without a dot at its end, and such that no resolver takes it for an address.
    Name(String),
    Address(IpAddr),
}

impl Target {
    /// Reads `host`, `host:port` or `[address]:port`; without a port it is `default_port`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(authority: &str, default_port: Option<u16>) -> Result<Self, &'static str> {
        if authority.contains('@') {
            return Err("names a user; send credentials in a header instead");
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or("has no closing bracket")?;
                let address = address.parse().map_err(|_| "has no IPv6 address in its brackets")?;
                let port = match port {
                    "" => None,
                    port => Some(port.strip_prefix(':').ok_or("goes on after its bracket")?),
                };
                (Host::Address(IpAddr::V6(address)), port)
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (Host::read(host)?, Some(port)),
                None => (Host::read(authority)?, None),
            },
        };
        let port = match port {
            Some(port) => {
                let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                port.parse().ok().filter(|port| is_number && *port > 0)
            }
            None => default_port,
        };
        Ok(Self { host, port: port.ok_or("needs a port of 1 to 65535")? })
    }
}

impl Host {
    /// Reads a name, or an IPv4 address in its usual writing. `0x7f.1`, `2130706433` and their kin, which `inet_aton` reads as
    /// addresses, are neither.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if text.len() > 253 || !text.split('.').all(is_label) {
            return Err("is no host name; other letters than ASCII are written as `xn--…`");
        }
        let name = text.to_ascii_lowercase();
        if name.rsplit('.').next().is_none_or(is_number) {
            return Err("ends in a number but is no address; write an address as in 192.0.2.1");
        }
        Ok(Self::Name(name))
    }
}

/// Whether resolvers could take this label for part of an address.
fn is_number(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit())
        || label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_names_and_addresses() {
        for (text, expected) in [
            ("example.com", "example.com:80"),
            ("EXAMPLE.com.:8443", "example.com:8443"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example:80"),
            ("localhost:1", "localhost:1"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("127.0.0.1.:65535", "127.0.0.1:65535"),
            ("[::1]", "[::1]:80"),
            ("[::ffff:127.0.0.1]:443", "[::ffff:127.0.0.1]:443"),
            ("0x7f.1.example", "0x7f.1.example:80"),
        ] {
            assert_eq!(Target::read(text, Some(80)).unwrap().to_string(), expected);
        }
        assert!(Target::read("example.com", None).is_err());
    }

    #[test]
    fn refuses_odd_writings() {
        for text in [
            "",
            ".",
            ":80",
            "a..b",
            "0x7f.1",
            "2130706433",
            "127.1",
            "0177.0.0.1",
            "127.0.0.0x1",
            "127.0.0.1..",
            "1.2.3.4.5",
            "0x",
            "0xg.0X7F",
            "999.999.999.999",
            "１27.0.0.1",
            "exämple.com",
            "a b",
            "a%2eb",
            "a/b",
            "a\\b",
            "user@example.com",
            "user:secret@example.com",
            "[::1",
            "[::1]80",
            "[fe80::1%eth0]",
            "[127.0.0.1]",
            "::1",
            "[]",
            "example.com:",
            "example.com:0",
            "example.com:65536",
            "example.com:+80",
            "example.com:80:80",
            "example.com:8 0",
            "a\0b",
        ] {
            assert!(Target::read(text, Some(80)).is_err(), "{text}");
        }
        assert!(Target::read(&"a.".repeat(200), Some(80)).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_and_read_the_same(
            text in prop_oneof![".{0,40}", r"(\[[0-9a-f:.]{0,20}\]|[0-9a-fx.]{1,20}|[a-zA-Z0-9._-]{1,30})(:[0-9]{1,6})?"],
        ) {
            if let Ok(target) = Target::read(&text, Some(80)) {
                prop_assert_eq!(Target::read(&target.to_string(), None), Ok(target.clone()));
                if let Host::Name(name) = &target.host {
                    prop_assert!(name.parse::<IpAddr>().is_err());
                    let last = name.rsplit('.').next().unwrap_or_default();
                    prop_assert!(!last.is_empty() && last.parse::<u64>().is_err());
                }
            }
        }
    }
}
