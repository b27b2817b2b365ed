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
            return vec![Finding::ok(ABOUT, format!("running at http://{address}{pid}"))];
        }
        Ok(health) if health["status"] == "degraded" => {
            let text = format!(
                "running at http://{address}, but the memory log can't be written; see: gateway status, and the log"
            );
            return vec![Finding::fail(ABOUT, text)];
        }
        Err(ClientError::NotRunning(_)) => {}
        Ok(_) | Err(_) => {
            let text = format!(
                "another program listens on {address}; stop it, or choose another gateway.port (or --port)"
            );
            return vec![Finding::fail("port", text)];
        }
    }
    let wanted = SocketAddr::new(config.bind, config.port);
    vec![match TcpListener::bind(wanted) {
        Ok(_) => Finding::ok(ABOUT, format!("not running; {wanted} is free. Start it with: gateway")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Finding::fail("port", format!("{wanted} is in use; choose another gateway.port (or --port)"))
        }
        Err(error) => Finding::fail(
            "port",
            format!("can't listen on {wanted}: {error}; choose another gateway.bind or gateway.port"),
        ),
    }]
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
            Some(last) => Finding::warn(
                ABOUT,
                format!(
                    "{} errors in the last 24 hours in {path}; the latest: {} ({})",
                    page.total, last.message, last.component
                ),
            ),
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
