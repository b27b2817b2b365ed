//! What a person sees first.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{home::Home, wire::ProviderInForce};

/// Five lines at the first start, two later. The token is in none of them.
pub(super) fn banner(
    program: &str,
    home: &Home,
    address: SocketAddr,
    first: bool,
    explicit_home: bool,
    provider: Option<ProviderInForce>,
) -> String {
    let url = format!("http://{}", reachable(address));
    let model = match provider {
        Some(provider) => format!("{} ({})", provider.model, provider.kind),
        None => format!("none yet: {program} model pull, or Ollama, or a provider in gateway.yaml"),
    };
    let open = if address.ip().is_loopback() {
        String::new()
    } else {
        format!("  (open to the network: {address})")
    };
    let mut text = format!("Listening  {url}/api/v1{open}\n");
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
        text.push_str(&format!("Chat       {program} chat{home}\n"));
        text.push_str(&format!(
            "Call       curl -H \"Authorization: Bearer $({program} config show --token{home})\" \
             -H 'Content-Type: application/json' -d '{{\"channel\":\"api\",\"message\":\"Hello\"}}' {url}/api/v1/message\n"
        ));
    }
    text
}

/// This program as a shell finds it: by its name when that is on the `PATH`, else the way it was started.
pub(super) fn program() -> String {
    let started = std::env::args_os().next().map_or_else(|| PathBuf::from("gateway"), PathBuf::from);
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&directories).collect();
    quoted(&called(&started, std::env::current_exe().ok().as_deref(), &directories).display().to_string())
}

fn called(started: &Path, running: Option<&Path>, directories: &[PathBuf]) -> PathBuf {
    let Some(name) = started.file_name().map(PathBuf::from) else { return started.to_owned() };
    let real = |path: &Path| path.canonicalize().ok();
    // The first one of that name is the one that a shell would run.
    let found = directories.iter().map(|directory| directory.join(&name)).find(|path| path.is_file());
    match (found.as_deref().and_then(real), running.and_then(real)) {
        (Some(found), Some(running)) if found == running => name,
        _ => started.to_owned(),
    }
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
    fn the_program_is_named_as_a_shell_finds_it() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("gateway");
        std::fs::write(&program, "").unwrap();
        let on_path = [directory.path().to_owned()];
        assert_eq!(called(&program, Some(&program), &on_path), Path::new("gateway"));
        assert_eq!(called(&program, Some(&program), &[]), program);
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("gateway"), "").unwrap();
        let another_first = [other.path().to_owned(), directory.path().to_owned()];
        assert_eq!(called(&program, Some(&program), &another_first), program);
        assert_eq!(quoted("/my builds/gateway"), "'/my builds/gateway'");
    }

    #[test]
    fn five_lines_at_most() {
        let home = Home::new("/data/it's".into());
        let address = "0.0.0.0:18789".parse().unwrap();
        let first = banner("./a gateway", &home, address, true, true, None);
        assert_eq!(first.lines().count(), 5);
        assert!(first.contains("http://127.0.0.1:18789/api/v1/message"), "{first}");
        assert!(first.contains("./a gateway chat"), "{first}");
        assert!(first.contains(r"--home '/data/it'\''s'"), "{first}");
        let provider = ProviderInForce { kind: "local".to_owned(), model: "m".to_owned() };
        let later = banner("gateway", &home, address, false, false, Some(provider));
        assert_eq!(
            later,
            "Listening  http://127.0.0.1:18789/api/v1  (open to the network: 0.0.0.0:18789)\nModel      m (local)\n"
        );
    }
}
