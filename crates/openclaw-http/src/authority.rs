//! `Host` and `Origin`: the gate against DNS rebinding and foreign web pages.

use std::net::IpAddr;

use hyper::{HeaderMap, Uri, Version, header};
use openclaw_core::{ErrorCode, Failure};

/// Hosts the gateway answers to: this machine's own names, and those the configuration lists.
pub(crate) struct AllowedHosts {
    bind: IpAddr,
    listed: Vec<Listed>,
}

struct Listed {
    host: String,
    port: Option<u16>,
}

/// Origins of web pages that may call, besides the gateway's own.
pub(crate) struct AllowedOrigins(Vec<String>);

/// A host as requests name it, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Authority<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; `None` when it is none of them.
    fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        // `localhost:` is legal and means the default port.
        let port = match port {
            None | Some("") => None,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
            Some(_) => return None,
        };
        (!host.is_empty()).then_some(Self { host, port })
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl AllowedHosts {
    pub(crate) fn new(listed: &[String], bind: IpAddr) -> Self {
        let listed = listed.iter().filter_map(|text| {
            let authority = Authority::parse(text)?;
            Some(Listed { host: authority.host.to_owned(), port: authority.port })
        });
        Self { bind, listed: listed.collect() }
    }

    fn allows(&self, authority: Authority<'_>) -> bool {
        // A trailing dot says that the name is complete; it is the same name.
        let host = authority.host.strip_suffix('.').unwrap_or(authority.host);
        let own = match authority.ip() {
            Some(ip) => {
                // Bound to every address, the gateway can't tell its own from a rebound one, but an attacker's page
                // has a name, not an address: addresses are safe.
                ip.is_loopback() || ip == self.bind || self.bind.is_unspecified()
            }
            None => host.eq_ignore_ascii_case("localhost"),
        };
        let is_listed = |listed: &Listed| {
            listed.host.eq_ignore_ascii_case(host) && (listed.port.is_none() || listed.port == authority.port)
        };
        own || self.listed.iter().any(is_listed)
    }

    /// Checks the request's `Host`, and the authority of its target when it has one.
    pub(crate) fn check(&self, headers: &HeaderMap, target: &Uri, version: Version) -> Result<(), Failure> {
        let mut given = headers.get_all(header::HOST).iter();
        let host = match (given.next(), given.next()) {
            (Some(host), None) => host.to_str().map_err(|_| malformed())?,
            // Only HTTP/1.0 may leave it out, and no browser speaks that.
            (None, _) if version < Version::HTTP_11 => return Ok(()),
            (None, _) => return Err(Failure::bad_field("Host", "header is missing")),
            (Some(_), Some(_)) => return Err(Failure::bad_field("Host", "header is given twice")),
        };
        let named = [Some(host), target.authority().map(|authority| authority.as_str())];
        for text in named.into_iter().flatten() {
            let authority = Authority::parse(text).ok_or_else(malformed)?;
            if !self.allows(authority) {
                return Err(Failure::new(
                    ErrorCode::Forbidden,
                    format!(
                        "The gateway does not answer to the host `{}`; call it as 127.0.0.1 or localhost, or add the name to `gateway.allowed_hosts`",
                        text.escape_default()
                    ),
                )
                .with("reason", "host_not_allowed"));
            }
        }
        Ok(())
    }
}

fn malformed() -> Failure {
    Failure::bad_field("Host", "header is not a host with an optional port")
}

impl AllowedOrigins {
    pub(crate) fn new(listed: &[String]) -> Self {
        let normalise = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
        Self(listed.iter().map(normalise).collect())
    }

    /// Checks the request's `Origin`; the request has passed [`AllowedHosts::check`].
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let text = origin.to_str().unwrap_or_default();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        if is_same_origin(text, host) || self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(text)) {
            return Ok(());
        }
        Err(Failure::new(
            ErrorCode::Forbidden,
            format!(
                "Web pages of the origin `{}` may not call the gateway; add it to `gateway.allowed_origins` if they should",
                text.escape_default()
            ),
        )
        .with("reason", "origin_not_allowed"))
    }
}

fn is_same_origin(origin: &str, host: Option<&str>) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    // Behind a proxy that speaks TLS the page is https while we see http.
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let (Some(origin), Some(host)) = (Authority::parse(authority), host.and_then(Authority::parse)) else {
        return false;
    };
    origin.host.eq_ignore_ascii_case(host.host)
        && origin.port.unwrap_or(default_port) == host.port.unwrap_or(default_port)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        headers
    }

    fn host_allowed(listed: &[&str], bind: &str, host: &str) -> bool {
        let listed: Vec<_> = listed.iter().map(|&text| text.to_owned()).collect();
        let hosts = AllowedHosts::new(&listed, bind.parse().unwrap());
        hosts.check(&headers(host, None), &Uri::from_static("/"), Version::HTTP_11).is_ok()
    }

    #[test]
    fn its_own_names_with_any_port() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:18789",
            "127.8.9.1:1",
            "localhost",
            "LocalHost:80",
            "localhost.",
            "[::1]",
            "[::1]:18789",
        ] {
            assert!(host_allowed(&[], "127.0.0.1", host), "{host}");
        }
    }

    #[test]
    fn foreign_names_are_refused() {
        for host in [
            "evil.example",
            "evil.example:18789",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "192.168.1.5",
            "[::2]",
            "::1",
            "",
            "[::1",
            "localhost:99999",
            "localhost:a",
            "0.0.0.0",
            "user@localhost",
        ] {
            assert!(!host_allowed(&[], "127.0.0.1", host), "{host}");
        }
    }

    #[test]
    fn listed_names_and_the_bind_address() {
        assert!(host_allowed(&["gw.lan"], "127.0.0.1", "GW.lan:18789"));
        assert!(host_allowed(&["gw.lan:18789"], "127.0.0.1", "gw.lan:18789"));
        assert!(!host_allowed(&["gw.lan:18789"], "127.0.0.1", "gw.lan:80"));
        assert!(host_allowed(&[], "192.168.1.5", "192.168.1.5:18789"));
        assert!(!host_allowed(&[], "192.168.1.5", "192.168.1.6"));
        assert!(host_allowed(&[], "0.0.0.0", "192.168.1.6:18789"));
        assert!(!host_allowed(&[], "0.0.0.0", "evil.example"));
    }

    #[test]
    fn origins() {
        let origins = AllowedOrigins::new(&["https://app.example.com/".to_owned()]);
        let check = |host: &str, origin: &str| origins.check(&headers(host, Some(origin))).is_ok();
        assert!(check("127.0.0.1:18789", "http://127.0.0.1:18789"));
        assert!(check("localhost:18789", "http://LOCALHOST:18789"));
        assert!(check("gw.lan", "https://gw.lan"));
        assert!(check("127.0.0.1:18789", "https://app.example.com"));
        for origin in [
            "http://127.0.0.1:8080",
            "http://localhost:18789",
            "null",
            "",
            "https://evil.example",
            "http://app.example.com",
            "https://app.example.com.evil.example",
            "file://",
        ] {
            assert!(!check("127.0.0.1:18789", origin), "{origin}");
        }
        assert!(origins.check(&headers("127.0.0.1", None)).is_ok());
    }

    #[test]
    fn the_target_counts_as_well() {
        let hosts = AllowedHosts::new(&[], IpAddr::from([127, 0, 0, 1]));
        let target = Uri::from_static("http://evil.example/api/v1/health");
        assert!(hosts.check(&headers("127.0.0.1", None), &target, Version::HTTP_11).is_err());
        assert!(hosts.check(&HeaderMap::new(), &Uri::from_static("/"), Version::HTTP_11).is_err());
        assert!(hosts.check(&HeaderMap::new(), &Uri::from_static("/"), Version::HTTP_10).is_ok());
    }
}
