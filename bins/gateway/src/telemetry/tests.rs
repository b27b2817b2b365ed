use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _};

use openclaw_core::port::{LogFilter, LogPort as _};
use tracing::{debug, error, info, info_span, warn};

use super::*;

fn everything() -> LogFilter {
    LogFilter { lines: 1000, level: LogLevel::Trace, since: None, component: None }
}

/// Logs through a log of its own, and gives the file's path.
fn logged(level: LogLevel, secrets: &[&str], log: impl FnOnce(&Telemetry)) -> (tempfile::TempDir, Telemetry) {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = Telemetry::open(&directory.path().join("logs/gateway.log"), level, Screen::Off).unwrap();
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    telemetry.hide(&secrets);
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || log(&telemetry));
    telemetry.flush();
    (directory, telemetry)
}

#[tokio::test]
async fn lines_are_json_with_level_component_and_fields() {
    let (directory, telemetry) = logged(LogLevel::Info, &[], |_| {
        let _span = info_span!("request", request_id = "r-1").entered();
        warn!(target: "openclaw_memory::wal", segment = 7, path = "/x", "torn tail cut");
        info!("hello {}", "world");
        debug!("not this");
        info!(target: "hyper::proto", "nor this");
    });
    let page = telemetry.files().read(everything()).await.unwrap();
    assert_eq!(page.total, 2);
    let line = &page.lines[0];
    assert_eq!((line.component.as_str(), line.level), ("memory", LogLevel::Warn));
    assert_eq!(line.message, "torn tail cut");
    assert_eq!(line.fields["segment"], 7);
    assert_eq!(line.fields["request_id"], "r-1");
    assert_eq!(
        (page.lines[1].component.as_str(), page.lines[1].message.as_str()),
        ("gateway", "hello world")
    );

    let path = directory.path().join("logs/gateway.log");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read_to_string(path).unwrap();
    assert!(first.starts_with("{\"timestamp\":\"20"), "{first}");
}

#[tokio::test]
async fn no_secret_reaches_the_file() {
    let canary = "canary-5f3a";
    let (directory, _telemetry) = logged(LogLevel::Trace, &[canary, "ary-5f"], |telemetry| {
        error!(key = canary, nested = ?vec![canary], "failed with {canary}");
        let late = Secret::new("late-canary-77");
        telemetry.hide([&late]);
        info!(value = %"x late-canary-77 y", "late");
    });
    let text = fs::read_to_string(directory.path().join("logs/gateway.log")).unwrap();
    assert!(!text.contains("canary"), "{text}");
    assert_eq!(text.matches("***REDACTED***").count(), 4, "{text}");
}

#[tokio::test]
async fn reading_filters_and_counts_what_passes() {
    let (_directory, telemetry) = logged(LogLevel::Debug, &[], |_| {
        for index in 0..20 {
            info!(index, "info");
            debug!(target: "openclaw_skills", index, "debug");
        }
        error!("late");
    });
    let files = telemetry.files();
    let page = files.read(LogFilter { lines: 3, level: LogLevel::Info, ..everything() }).await.unwrap();
    assert_eq!(page.total, 21);
    let messages: Vec<&str> = page.lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages, ["info", "info", "late"]);
    assert_eq!(page.lines[1].fields["index"], 19);

    let skills = LogFilter { component: Some("skills".to_owned()), ..everything() };
    assert_eq!(files.read(skills).await.unwrap().total, 20);
    let future = openclaw_core::Timestamp::now().saturating_add(std::time::Duration::from_secs(60));
    assert_eq!(files.read(LogFilter { since: Some(future), ..everything() }).await.unwrap().total, 0);
}

#[tokio::test]
async fn the_level_changes_while_running() {
    let (_directory, telemetry) = logged(LogLevel::Error, &[], |telemetry| {
        info!("before");
        telemetry.set_level(LogLevel::Info);
        info!("after");
    });
    let page = telemetry.files().read(everything()).await.unwrap();
    assert_eq!(page.lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["after"]);
}

#[tokio::test]
async fn files_rotate_and_are_read_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.log");
    let mut log = file::LogFile::open(&path, 4096).unwrap();
    let line = |number: usize| {
        format!(
            "{{\"timestamp\":\"2026-01-01T00:00:{:02}Z\",\"level\":\"info\",\"component\":\"gateway\",\"message\":\"{number}\"}}\n",
            number % 60
        )
    };
    for number in 0..150 {
        log.append(line(number).as_bytes()).unwrap();
    }
    let sizes: Vec<u64> = (0..=file::FILES)
        .filter_map(|age| fs::metadata(file::aged(&path, age)).ok())
        .map(|m| m.len())
        .collect();
    assert_eq!(sizes.len(), file::FILES);
    assert!(sizes.iter().all(|size| *size <= 4096), "{sizes:?}");

    let page = LogFiles::new(path.clone(), None).read(everything()).await.unwrap();
    let numbers: Vec<usize> = page.lines.iter().map(|line| line.message.parse().unwrap()).collect();
    assert_eq!(*numbers.last().unwrap(), 149);
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    assert!(numbers.len() > 100);

    // Lines out of order by a little are found, and those before `since` are left out.
    let late = tempfile::tempdir().unwrap();
    let path_late = late.path().join("gateway.log");
    let mut log_late = file::LogFile::open(&path_late, 4096).unwrap();
    for number in [1, 9, 12, 8, 11] {
        log_late.append(line(number).as_bytes()).unwrap();
    }
    let since = Some("2026-01-01T00:00:09Z".parse().unwrap());
    let page = LogFiles::new(path_late, None).read(LogFilter { since, ..everything() }).await.unwrap();
    let told: Vec<&str> = page.lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(told, ["9", "12", "11"]);

    // A line torn by a kill costs itself only.
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"timestamp\":\"20").unwrap();
    let mut log = file::LogFile::open(&path, 4096).unwrap();
    log.append(line(150).as_bytes()).unwrap();
    let page = LogFiles::new(path, None).read(LogFilter { lines: 1, ..everything() }).await.unwrap();
    assert_eq!(page.lines[0].message, "150");
}

#[test]
fn reading_backwards_crosses_chunks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let lines: Vec<String> = (0..500).map(|number| format!("{number}:{}", "x".repeat(number * 3))).collect();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let mut seen = Vec::new();
    let whole = file::backwards(&mut fs::File::open(&path).unwrap(), |line| {
        seen.push(String::from_utf8(line.to_vec()).unwrap());
        true
    });
    assert!(whole.unwrap());
    seen.retain(|line| !line.is_empty());
    seen.reverse();
    assert_eq!(seen, lines);
}

#[test]
fn people_see_no_control_characters() {
    let line = openclaw_core::port::LogLine {
        timestamp: "2026-03-20T15:30:00.042Z".parse().unwrap(),
        level: LogLevel::Warn,
        component: "gateway".to_owned(),
        message: "a\x1b[31mb".to_owned(),
        fields: serde_json::Map::from_iter([("k".to_owned(), "v\n".into())]),
    };
    assert_eq!(human::line(&line, false), "15:30:00.042  WARN gateway   a\u{fffd}[31mb  k=v\u{fffd}\n");
}
