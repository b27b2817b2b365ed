//! Port, disk, log and clock.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use openclaw_core::{
    Timestamp,
    config::{GatewayConfig, LoggingConfig, MemoryConfig},
    port::{LogFilter, LogLevel, LogPage, LogPort as _},
};

use super::Finding;
use crate::{
    client::{Client, ClientError},
    home::Home,
    run_file::Running,
    telemetry::LogFiles,
};

/// Free space below which a warning is due, in MiB.
const LITTLE_SPACE_MB: u64 = 512;
/// What findings about the port are about.
const PORT: &str = "port";
/// How far back errors in the log count.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);
/// No clock is right that shows less: 1 January 2026.
const EARLIEST: i64 = 1_767_225_600_000;

pub(super) async fn port(running: Option<&Running>, client: &Client, config: &GatewayConfig) -> Vec<Finding> {
    const ABOUT: &str = "gateway";
    let address = client.address();
    match client.health().await {
        Ok(health) if health["status"] == "ok" => {
            let pid = running.map(|running| format!(" (process {})", running.pid)).unwrap_or_default();
            let text = format!("running at http://{address}{pid}");
            return vec![Finding::ok(ABOUT, text), taken(running, config)];
        }
        Ok(health) if health["status"] == "degraded" => {
            let text = format!(
                "running at http://{address}, but the memory log can't be written; see: gateway status, and the log"
            );
            return vec![Finding::fail(ABOUT, text), taken(running, config)];
        }
        Err(ClientError::NotRunning(_)) => {}
        Ok(_) | Err(_) => {
            let text = format!(
                "another program listens on {address}; stop it, or choose another gateway.port (or --port)"
            );
            return vec![Finding::fail(PORT, text)];
        }
    }
    let wanted = SocketAddr::new(config.bind, config.port);
    let free = match TcpListener::bind(wanted) {
        Ok(_) if wanted.port() == 0 => {
            Finding::ok(PORT, format!("the system chooses a free one on {} at every start", wanted.ip()))
        }
        Ok(_) => Finding::ok(PORT, format!("{wanted} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Finding::fail(PORT, format!("{wanted} is in use; choose another gateway.port (or --port)"))
        }
        Err(error) => Finding::fail(
            PORT,
            format!("can't listen on {wanted}: {error}; choose another gateway.bind or gateway.port"),
        ),
    };
    vec![Finding::ok(ABOUT, "not running; start it with: gateway"), free]
}

/// What the port of a running gateway has to do with the configured one.
fn taken(running: Option<&Running>, config: &GatewayConfig) -> Finding {
    let wanted = SocketAddr::new(config.bind, config.port);
    let Some(Running { address, .. }) = running else {
        let text = format!(
            "{wanted} is held by a gateway that does not run in this data directory; \
             to run one here as well, choose another gateway.port (or --port)"
        );
        return Finding::warn(PORT, text);
    };
    if address.ip() == wanted.ip() && wanted.port() == 0 {
        return Finding::ok(
            PORT,
            format!("{} was chosen by the system, since gateway.port is 0", address.port()),
        );
    }
    if *address == wanted {
        return Finding::ok(PORT, format!("{wanted} is this gateway's"));
    }
    Finding::warn(
        PORT,
        format!("the gateway listens on {address}, the configuration says {wanted}: restart it to move it"),
    )
}

pub(super) fn disk(home: &Home, config: &MemoryConfig) -> Vec<Finding> {
    const ABOUT: &str = "disk";
    let Some(place) = home.root().ancestors().find(|path| path.exists()) else { return Vec::new() };
    let free = match rustix::fs::statvfs(place) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize) / (1024 * 1024),
        Err(error) => {
            return vec![Finding::warn(
                ABOUT,
                format!("can't tell how much is free at {}: {error}", place.display()),
            )];
        }
    };
    let place = place.display();
    let least = u64::from(config.min_free_mb);
    vec![if free <= least {
        Finding::fail(
            ABOUT,
            format!(
                "{free} MB free at {place}: below memory.min_free_mb ({least}) nothing is accepted; free some space"
            ),
        )
    } else if free < LITTLE_SPACE_MB {
        Finding::warn(ABOUT, format!("only {free} MB free at {place}; free some space soon"))
    } else {
        Finding::ok(ABOUT, format!("{free} MB free at {place}"))
    }]
}

async fn read(home: &Home, config: &LoggingConfig, filter: LogFilter) -> io::Result<LogPage> {
    LogFiles::of(home.resolve(&config.file)).read(filter).await
}

pub(super) async fn log(home: &Home, config: &LoggingConfig) -> Vec<Finding> {
    const ABOUT: &str = "log";
    let millis = i64::try_from(RECENT.as_millis()).unwrap_or(i64::MAX);
    let since = Timestamp::from_unix_millis(Timestamp::now().unix_millis() - millis);
    let filter = LogFilter { lines: 1, level: LogLevel::Error, since: Some(since), component: None };
    let path = home.resolve(&config.file);
    let path = path.display();
    vec![match read(home, config, filter).await {
        Err(error) => Finding::fail(ABOUT, format!("{path} can't be read: {error}; see who owns it")),
        Ok(page) => match page.lines.last() {
            None => Finding::ok(ABOUT, format!("no errors in the last 24 hours in {path}")),
            Some(last) => {
                let why = ["reason", "problem", "error", "cause"]
                    .iter()
                    .find_map(|name| last.fields.get(*name)?.as_str());
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                let count = page.total;
                let errors = if count == 1 { "error" } else { "errors" };
                let text = format!(
                    "{count} {errors} in the last 24 hours in {path}; the latest ({}): {}{why}",
                    last.component, last.message
                );
                Finding::warn(ABOUT, text)
            }
        },
    }]
}

pub(super) async fn clock(home: &Home, config: &LoggingConfig) -> Vec<Finding> {
    const ABOUT: &str = "clock";
    let now = Timestamp::now();
    if now.unix_millis() < EARLIEST {
        return vec![Finding::fail(
            ABOUT,
            format!("it shows {now}, which is past; set it, or certificates and timestamps are wrong"),
        )];
    }
    let filter = LogFilter { lines: 1, level: LogLevel::Trace, since: None, component: None };
    let last = read(home, config, filter).await.ok().and_then(|page| page.lines.into_iter().next_back());
    vec![match last {
        Some(last) if last.timestamp > now.saturating_add(Duration::from_secs(60)) => {
            let text = format!(
                "it shows {now}, but the log goes to {}: it was set back, or was wrong before",
                last.timestamp
            );
            Finding::warn(ABOUT, text)
        }
        _ => Finding::ok(ABOUT, now.to_string()),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn config(port: u16) -> GatewayConfig {
        GatewayConfig { port, ..GatewayConfig::default() }
    }

    #[test]
    fn the_port_of_a_running_gateway_is_told_apart() {
        let address = "127.0.0.1:7000".parse().unwrap();
        let running = Running { pid: 1, address, version: String::new() };
        for (running, port, verdict, part) in [
            (Some(&running), 7000, Verdict::Ok, "this gateway's"),
            (Some(&running), 0, Verdict::Ok, "chosen by the system"),
            (Some(&running), 8000, Verdict::Warn, "restart"),
            (None, 7000, Verdict::Warn, "another gateway.port"),
        ] {
            let finding = taken(running, &config(port));
            assert_eq!((finding.verdict, finding.about), (verdict, "port"));
            assert!(finding.text.contains(part), "{finding}");
        }
    }

    #[tokio::test]
    async fn a_port_that_the_system_chooses_is_not_called_free() {
        let findings = port(None, &Client::new(None, &config(0)), &config(0)).await;
        let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|line| line.contains("port") && line.contains("system chooses")), "{told:?}");
        assert!(!told.iter().any(|line| line.contains(":0 is free")), "{told:?}");
    }
}
