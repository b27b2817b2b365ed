//! From a target to a connection: resolve, check what came out, connect to just that.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use openclaw_core::config::SkillsConfig;
use tokio::{net::TcpStream, time::timeout};

use super::{
    Shared, address,
    address::Class,
    refusal::Refusal,
    target::{Host, Target},
};

/// Addresses of one name that are tried.
const TRIED: usize = 4;

/// A connection to `target`, which `skill` has declared.
pub(super) async fn dial(shared: &Shared, skill: &str, target: &Target) -> Result<TcpStream, Refusal> {
    let found = match &target.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => resolve(shared, target, name).await?,
    };
    let config = shared.config.borrow().clone();
    let checked = check(&config, skill, target, &found)?;
    connect(shared, target, &checked).await
}

async fn resolve(shared: &Shared, target: &Target, name: &str) -> Result<Vec<IpAddr>, Refusal> {
    let found = timeout(shared.limits.resolve, shared.resolver.resolve(name)).await;
    match found.map_err(|_| Refusal::Slow { target: target.clone(), what: "resolve" })? {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Refusal::Unresolved { target: target.clone() }),
        Err(error) => {
            tracing::debug!(host = name, %error, "egress: can't resolve");
            Err(Refusal::Unresolved { target: target.clone() })
        }
    }
}

/// Those of `found` that may be connected to. One bad address does not spoil the good ones, but it is never tried.
fn check(
    config: &SkillsConfig,
    skill: &str,
    target: &Target,
    found: &[IpAddr],
) -> Result<Vec<SocketAddr>, Refusal> {
    let mut good = Vec::new();
    let mut refusal = None;
    for address in found.iter().map(|address| address::canonical(*address)) {
        let at = SocketAddr::new(address, target.port);
        let refused = match address::class(address) {
            Class::Public => None,
            Class::Private(class) if !is_listed(config, target, at) => {
                Some(Refusal::Private { target: target.clone(), skill: skill.to_owned(), class })
            }
            Class::Special(class) if !is_address_listed(config, at) => {
                Some(Refusal::Special { target: target.clone(), skill: skill.to_owned(), class })
            }
            Class::Private(_) | Class::Special(_) => None,
        };
        match refused {
            None => good.push(at),
            Some(refused) => {
                tracing::debug!(skill, %target, %address, "egress: an address is passed over");
                refusal.get_or_insert(refused);
            }
        }
    }
    match (good.is_empty(), refusal) {
        (true, Some(refusal)) => Err(refusal),
        (true, None) => Err(Refusal::Unresolved { target: target.clone() }),
        (false, None) => Ok(good),
        (false, Some(refusal)) => {
            tracing::warn!(
                skill, host = %target.host, port = target.port, reason = %refusal,
                "egress: some addresses of a host are passed over"
            );
            Ok(good)
        }
    }
}

/// Whether the user lists the target as the skill wrote it, or the address that it resolved to.
fn is_listed(config: &SkillsConfig, target: &Target, at: SocketAddr) -> bool {
    let text = target.to_string();
    let mut listed = config.policy.allow_private.iter();
    listed.any(|entry| entry.eq_ignore_ascii_case(&text)) || is_address_listed(config, at)
}

fn is_address_listed(config: &SkillsConfig, at: SocketAddr) -> bool {
    config.policy.allow_private.iter().any(|entry| entry.parse() == Ok(at))
}

async fn connect(shared: &Shared, target: &Target, addresses: &[SocketAddr]) -> Result<TcpStream, Refusal> {
    let tried = addresses.iter().take(TRIED);
    // Each gets its share of the time, so that one that swallows packets doesn't cost the others.
    let share = shared.limits.connect / u32::try_from(tried.len().max(1)).unwrap_or(1);
    let mut last = Refusal::Slow { target: target.clone(), what: "connect to" };
    for address in tried {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Small writes of an interactive protocol should not wait for each other.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = unreachable(target, &error),
            Err(_) => {}
        }
    }
    Err(last)
}

fn unreachable(target: &Target, error: &io::Error) -> Refusal {
    Refusal::Unreachable { target: target.clone(), kind: error.kind() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(listed: &[&str], target: &str, found: &[&str]) -> Result<Vec<String>, Refusal> {
        let mut config = SkillsConfig::default();
        config.policy.allow_private = listed.iter().map(|&text| text.to_owned()).collect();
        let found: Vec<IpAddr> = found.iter().map(|text| text.parse().unwrap()).collect();
        let good = check(&config, "s", &Target::read(target, Some(80)).unwrap(), &found)?;
        Ok(good.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn private_addresses_are_reached_when_listed_and_only_then() {
        let nas = "nas.local:8123";
        for (listed, target, address, is_good) in [
            (&[][..], "example.org", "1.1.1.1", true),
            (&[], nas, "192.168.1.10", false),
            (&["nas.local:8123"], nas, "192.168.1.10", true),
            (&["NAS.local:8123"], nas, "192.168.1.10", true),
            (&["192.168.1.10:8123"], nas, "192.168.1.10", true),
            (&["192.168.1.10:8123"], nas, "::ffff:192.168.1.10", true),
            (&["192.168.1.10:8123"], nas, "192.168.1.11", false),
            (&["nas.local:80"], nas, "192.168.1.10", false),
            (&["local:8123"], nas, "192.168.1.10", false),
            (&["[::1]:80"], "v6.local", "::1", true),
            (&["[::1]:80"], "[::1]", "::1", true),
            // Metadata and its like are never meant by a name.
            (&["nas.local:8123"], nas, "169.254.169.254", false),
            (&["nas.local:8123"], nas, "0.0.0.0", false),
            (&["169.254.169.254:80"], "169.254.169.254", "169.254.169.254", true),
            (&["169.254.169.254:80"], "x.test", "64:ff9b::a9fe:a9fe", false),
        ] {
            assert_eq!(outcome(listed, target, &[address]).is_ok(), is_good, "{listed:?} {target} {address}");
        }
    }

    #[test]
    fn only_the_good_addresses_of_a_host_are_tried() {
        assert_eq!(outcome(&[], "x.test", &["10.0.0.1", "1.1.1.1", "::1"]).unwrap(), ["1.1.1.1:80"]);
        assert!(matches!(outcome(&[], "x.test", &["10.0.0.1", "::1"]), Err(Refusal::Private { .. })));
        assert!(matches!(outcome(&[], "x.test", &[]), Err(Refusal::Unresolved { .. })));
    }
}
