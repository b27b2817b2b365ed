//! Where a provider's API is, and what must never be shown of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openclaw_core::Secret;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::near::Address;
use crate::ProviderError;

/// One address of an API, with the headers that every request carries.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(super) url: Url,
    /// Path and query.
    pub(super) target: hyper::Uri,
    /// Plain HTTP to this machine: needs neither TLS nor a proxy.
    pub(super) near: Option<Address>,
    pub(super) headers: HeaderMap,
    origin: String,
    secrets: Vec<Secret>,
}

/// How the path of an API is made from what a person configured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Versioned {
    /// `/v1` is put in unless the address names a version already (`…/v1`, `…/v4`, `…/v1beta/openai`).
    V1,
    /// There is no version; a trailing `/v1` or `/api`, meant for other protocols of the same server, is cut off.
    Bare,
}

impl Endpoint {
    /// The endpoint `path` below `base`. A user and password in `base` become an `Authorization` header.
    pub(crate) fn new(base: &str, versioned: Versioned, path: &str) -> Result<Self, ProviderError> {
        let wrong = |reason: &str| ProviderError::Misconfigured {
            message: format!("`base_url` {reason}; write it like https://api.example.com/v1"),
        };
        let mut url = Url::parse(base.trim()).map_err(|error| wrong(&format!("is no address ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("must start with http:// or https:// and name a host"));
        }
        let mut secrets = Vec::new();
        let mut headers = HeaderMap::new();
        if !url.username().is_empty() || url.password().is_some() {
            let password = url.password().unwrap_or_default();
            let credentials = format!("{}:{password}", url.username());
            let basic = Secret::new(STANDARD.encode(credentials));
            headers.insert("authorization", sensitive(&format!("Basic {}", basic.expose()))?);
            secrets.extend([Secret::new(password), basic]);
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        secrets.extend(url.query_pairs().map(|(_, value)| Secret::new(value)));
        url.set_fragment(None);
        url.set_path(&full_path(url.path(), versioned, path));
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{query}", url.path());
        let target = target.parse().map_err(|_| wrong("is no address that HTTP can carry"))?;
        let near = near(&url);
        let origin = url.origin().ascii_serialization();
        Ok(Self { url, target, near, headers, origin, secrets })
    }

    /// The same with one more header on every request.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// The same with `key`, after `prefix`, in a header on every request.
    pub(crate) fn key(
        mut self,
        name: &'static str,
        prefix: &str,
        key: &Secret,
    ) -> Result<Self, ProviderError> {
        let trimmed = key.expose().trim();
        let value = sensitive(&format!("{prefix}{trimmed}"))?;
        self.headers.insert(HeaderName::from_static(name), value);
        self.secrets.push(Secret::new(trimmed));
        Ok(self)
    }

    /// Scheme, host and port: all of the address that is ever shown.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the vendor's own server is meant.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        self.url.host_str() == Some(host)
    }

    /// `text` without this endpoint's secrets, on one line, and short enough for a message.
    pub(crate) fn presentable(&self, text: &str) -> String {
        const LONGEST: usize = 400;
        let mut clean = text.to_owned();
        for secret in &self.secrets {
            clean = secret.scrub(&clean);
        }
        let mut words =
            clean.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let mut line = words.next().unwrap_or_default().to_owned();
        for word in words {
            line.push(' ');
            line.push_str(word);
        }
        if line.len() > LONGEST {
            let mut end = LONGEST;
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            line.truncate(end);
            line.push('…');
        }
        line
    }
}

fn sensitive(value: &str) -> Result<HeaderValue, ProviderError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| ProviderError::Misconfigured {
        message: "`api_key` holds a character that no HTTP header can carry, such as a line break; copy the key again"
            .to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where a server on this machine listens; `None` for any other, and for one that wants TLS.
fn near(url: &Url) -> Option<Address> {
    if url.scheme() != "http" {
        return None;
    }
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    is_loopback.then_some(Address { host: host.to_owned(), port: url.port_or_known_default()? })
}

fn full_path(base: &str, versioned: Versioned, path: &str) -> String {
    let base = base.trim_end_matches('/');
    match versioned {
        Versioned::V1 if base.split('/').any(is_version) => format!("{base}{path}"),
        Versioned::V1 => format!("{base}/v1{path}"),
        Versioned::Bare => {
            let base = base.strip_suffix("/v1").or_else(|| base.strip_suffix("/api")).unwrap_or(base);
            format!("{base}{path}")
        }
    }
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, versioned: Versioned, path: &str) -> String {
        Endpoint::new(base, versioned, path).unwrap().url.to_string()
    }

    #[test]
    fn the_version_is_put_in_once() {
        for (base, expected) in [
            ("https://api.openai.com", "https://api.openai.com/v1/x"),
            ("https://api.openai.com/", "https://api.openai.com/v1/x"),
            ("https://api.openai.com/v1", "https://api.openai.com/v1/x"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1/x"),
            ("https://openrouter.ai/api", "https://openrouter.ai/api/v1/x"),
            ("https://api.z.ai/api/paas/v4", "https://api.z.ai/api/paas/v4/x"),
            ("https://g.example/v1beta/openai", "https://g.example/v1beta/openai/x"),
            ("http://127.0.0.1:9100/n16d20", "http://127.0.0.1:9100/n16d20/v1/x"),
            ("https://a.example/v1?api-version=2", "https://a.example/v1/x?api-version=2"),
        ] {
            assert_eq!(url(base, Versioned::V1, "/x"), expected);
        }
        for base in ["http://localhost:11434", "http://localhost:11434/v1", "http://localhost:11434/api/"] {
            assert_eq!(url(base, Versioned::Bare, "/api/chat"), "http://localhost:11434/api/chat");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for base in ["", "api.openai.com", "ftp://x", "https://"] {
            let error = Endpoint::new(base, Versioned::V1, "/x").unwrap_err().to_string();
            assert!(error.contains("base_url"), "{base:?}: {error}");
        }
        let endpoint = Endpoint::new("https://a.example", Versioned::V1, "/x").unwrap();
        assert!(endpoint.key("x-api-key", "", &Secret::new("two\nlines")).is_err());
    }

    #[test]
    fn only_the_origin_is_shown_and_secrets_are_cut_out() {
        let endpoint =
            Endpoint::new("https://me:hunter22@a.example:8443/v1?token=canary-query", Versioned::V1, "/x")
                .unwrap()
                .key("authorization", "Bearer ", &Secret::new(" sk-canary-key\n"))
                .unwrap();
        assert_eq!(endpoint.origin(), "https://a.example:8443");
        let told = endpoint.presentable("bad key sk-canary-key\n for hunter22, canary-query");
        assert_eq!(told, "bad key ***REDACTED*** for ***REDACTED***, ***REDACTED***");
        assert!(!format!("{endpoint:?}").contains("canary-key"));
        assert!(endpoint.presentable(&"é".repeat(1000)).len() < 410);
    }

    #[test]
    fn this_machine_is_told_from_others() {
        let is_near = |base| Endpoint::new(base, Versioned::Bare, "/x").unwrap().near.is_some();
        for base in ["http://127.0.0.1:1", "http://localhost", "http://[::1]:1"] {
            assert!(is_near(base), "{base}");
        }
        for base in ["https://127.0.0.1:1", "http://10.0.0.1", "http://example.com"] {
            assert!(!is_near(base), "{base}");
        }
    }
}
