//! What a person sees first.

use std::net::SocketAddr;

use crate::{home::Home, wire::ProviderInForce};

/// Five lines at the first start, two later. The token is in none of them.
pub(super) fn banner(
    home: &Home,
    address: SocketAddr,
    first: bool,
    explicit_home: bool,
    provider: Option<ProviderInForce>,
) -> String {
    let url = format!("http://{}", reachable(address));
    let model = match provider {
        Some(provider) => format!("{} ({})", provider.model, provider.kind),
        None => "none yet: gateway model pull, or Ollama, or a provider in gateway.yaml".to_owned(),
    };
    let mut text = format!("Listening  {url}/api/v1\n");
    if first {
        text.push_str(&format!("Config     {} (with a fresh token)\n", home.config_file().display()));
    }
    text.push_str(&format!("Model      {model}\n"));
    if first {
        let home = if explicit_home {
            format!(" --home {}", quoted(&home.root().display().to_string()))
        } else {
            String::new()
        };
        text.push_str(&format!("Chat       gateway chat{home}\n"));
        text.push_str(&format!(
            "Call       curl -H \"Authorization: Bearer $(gateway config show --token{home})\" \
             -H 'Content-Type: application/json' -d '{{\"channel\":\"api\",\"message\":\"Hello\"}}' {url}/api/v1/message\n"
        ));
    }
    text
}

fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    if address.ip().is_unspecified() { SocketAddr::new(loopback, address.port()) } else { address }
}

fn quoted(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_at_most() {
        let home = Home::new("/data/it's".into());
        let address = "0.0.0.0:18789".parse().unwrap();
        let first = banner(&home, address, true, true, None);
        assert_eq!(first.lines().count(), 5);
        assert!(first.contains("http://127.0.0.1:18789/api/v1/message"), "{first}");
        assert!(first.contains(r"--home '/data/it'\''s'"), "{first}");
        let provider = ProviderInForce { kind: "local".to_owned(), model: "m".to_owned() };
        let later = banner(&home, address, false, false, Some(provider));
        assert_eq!(later, "Listening  http://127.0.0.1:18789/api/v1\nModel      m (local)\n");
    }
}
