//! Which addresses a registry may have, and where it may send us.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use openclaw_core::config::presentable_url;
use reqwest::Url;

use super::RegistryError;

/// Whether an address is meant as one of the web, right or wrong.
pub(super) fn is_url(address: &str) -> bool {
    address.contains("://")
}

/// An address as it was configured, without what may be secret in it.
pub(super) fn presentable(address: &str) -> String {
    let shown = presentable_url(address);
    let Some((scheme, rest)) = shown.split_once("://") else { return shown.into_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{path}"),
        None => shown.into_owned(),
    }
}

/// Reads the address of a registry: `https://`, or `http://` on this machine.
pub(super) fn parse(address: &str) -> Result<Url, RegistryError> {
    let wrong = |reason| RegistryError::Address { address: presentable(address), reason };
    let url = Url::parse(address).map_err(|_| wrong("it is no address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not have a user or password in it"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(wrong("plain http:// is for this machine only; use https://")),
        _ => Err(wrong("it must begin with https://")),
    }
}

/// Whether a registry at `from` may send us to `to`: anywhere by HTTPS but into a private network, or to itself.
pub(super) fn may_lead(from: &Url, to: &Url) -> bool {
    if from.origin() == to.origin() {
        return true;
    }
    let is_far = match host(to) {
        Some(Host::Address(address)) => !is_private(address),
        Some(Host::Name(name)) => !is_local_name(&name),
        None => false,
    };
    to.scheme() == "https" && is_far && to.username().is_empty() && to.password().is_none()
}

/// Whether an address is one of this machine, so that TLS protects nothing.
pub(super) fn is_loopback(url: &Url) -> bool {
    match host(url) {
        Some(Host::Address(address)) => address.is_loopback(),
        Some(Host::Name(name)) => name == "localhost",
        None => false,
    }
}

/// Where the index of a tree is: the address itself when it names a JSON file, else `index.json` below it.
pub(super) fn index_of(base: &Url) -> Url {
    if base.path().ends_with(".json") { base.clone() } else { below(base, &["index.json"]) }
}

/// The address of `parts` below `base`; its query and fragment are left out.
pub(super) fn below(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only addresses without a host have no path, and `parse` takes none of those.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}

enum Host {
    Address(IpAddr),
    Name(String),
}

fn host(url: &Url) -> Option<Host> {
    let text = url.host_str()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match bare.parse() {
        Ok(address) => Some(Host::Address(address)),
        Err(_) => Some(Host::Name(bare.trim_end_matches('.').to_ascii_lowercase())),
    }
}

fn is_local_name(name: &str) -> bool {
    let ends = [".localhost", ".local", ".internal", ".home.arpa", ".lan"];
    !name.contains('.') || ends.iter().any(|end| name.ends_with(end))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_private_v4(address),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_multicast()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
                    || is_embedded_v4(address)
            }
        },
    }
}

/// Addresses that stand for one of IPv4: those of NAT64 and 6to4.
fn is_embedded_v4(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    (first, second) == (0x64, 0xff9b) || first == 0x2002
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    // Also the ranges of carriers' NAT, of protocol assignments and of what is reserved.
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || matches!((a, b), (0 | 240..=255, _) | (100, 64..=127) | (192, 0) | (198, 18 | 19))
        || address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn registries_are_reached_by_https_or_on_this_machine() {
        for good in [
            "https://clawhub.ai",
            "https://10.0.0.1/skills",
            "http://127.0.0.1:80",
            "http://localhost",
            "http://[::1]:1/x",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com",
            "ftp://example.com",
            "https://",
            "https://user:secret@example.com",
            "http://127.0.0.1.example.com",
        ] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_registry_leads_to_public_hosts_or_to_itself() {
        for (from, to, expected) in [
            ("https://a.example", "https://b.example/x", true),
            ("https://a.example", "https://a.example/y", true),
            ("https://a.example", "http://b.example/x", false),
            ("https://a.example", "http://a.example/x", false),
            ("https://a.example", "http://127.0.0.1/x", false),
            ("https://a.example", "https://127.0.0.1/x", false),
            ("https://a.example", "https://localhost/x", false),
            ("https://a.example", "https://printer/x", false),
            ("https://a.example", "https://nas.local/x", false),
            ("https://a.example", "https://meta.google.internal/x", false),
            ("https://a.example", "https://10.0.0.1/x", false),
            ("https://a.example", "https://169.254.169.254/x", false),
            ("https://a.example", "https://100.64.1.1/x", false),
            ("https://a.example", "https://[::1]/x", false),
            ("https://a.example", "https://[fd00::1]/x", false),
            ("https://a.example", "https://[::ffff:10.0.0.1]/x", false),
            ("https://a.example", "https://[64:ff9b::a00:1]/x", false),
            ("https://a.example", "https://user@b.example/x", false),
            ("https://a.example", "file:///etc/passwd", false),
            ("https://10.0.0.1", "https://10.0.0.1/x", true),
            ("http://127.0.0.1:1", "http://127.0.0.1:1/x", true),
            ("http://127.0.0.1:1", "http://127.0.0.1:2/x", false),
            ("http://127.0.0.1:1", "https://b.example/x", true),
            ("https://a.example", "https://8.8.8.8/x", true),
        ] {
            assert_eq!(may_lead(&url(from), &url(to)), expected, "{from} {to}");
        }
    }

    #[test]
    fn addresses_are_put_together() {
        assert_eq!(
            below(&url("https://a.example/x/?q=1#f"), &["b c", "d/e"]).as_str(),
            "https://a.example/x/b%20c/d%2Fe"
        );
        assert_eq!(index_of(&url("https://a.example")).as_str(), "https://a.example/index.json");
        assert_eq!(index_of(&url("https://a.example/x.json")).as_str(), "https://a.example/x.json");
    }
}
