//! Starting, refusing to start, and the other commands.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use openclaw_e2e::{Provider, Setup, TOKEN, Terminal, need_gateway};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

#[test]
fn the_first_start_sets_everything_up() {
    need_gateway!();
    let setup = Setup::new().keep_config().env("OPENCLAW_GATEWAY__PORT", "0");
    let gateway = setup.start();
    let home = setup.data().path();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(home), mode(&setup.data().config())), (0o700, 0o600));
    let config = std::fs::read_to_string(setup.data().config()).unwrap();
    let token = config
        .lines()
        .find_map(|line| line.trim().strip_prefix("token:"))
        .map(|value| value.split('#').next().unwrap_or_default().trim().trim_matches('"'))
        .unwrap();
    assert!(token.len() >= 43, "256 bits at least: {token:?}");
    assert_eq!(gateway.client().token(Some(token)).get("/status").status, 200);
    assert_eq!(gateway.client().get("/status").status, 401);
    assert!(!gateway.output().contains(token), "the token is for the file only");
    assert!(home.join("soul.md").is_file());
    let token = token.to_owned();
    gateway.kill();
    let gateway = setup.start();
    assert_eq!(gateway.client().token(Some(&token)).get("/status").status, 200, "the token stays");
}

#[test]
fn a_second_gateway_is_told_who_holds_the_directory() {
    need_gateway!();
    let setup = Setup::new();
    let first = setup.start();
    let output = setup.try_start().err().expect("one owner at a time");
    assert!(output.contains(&first.pid().to_string()), "which process: {output}");
    let starts = std::fs::read_to_string(setup.data().path().join("logs/gateway.log")).unwrap();
    assert_eq!(starts.matches("\"starting\"").count(), 1, "the log belongs to the first: {starts}");
    assert_eq!(first.client().get("/health").status, 200);
    // A dead owner's lock holds nobody up.
    first.kill();
    assert_eq!(setup.start().client().get("/health").status, 200);
}

#[test]
fn a_port_in_use_says_how_to_change_it() {
    need_gateway!();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let setup = Setup::new().env("OPENCLAW_GATEWAY__PORT", &port);
    let output = setup.try_start().err().expect("the port is taken");
    assert!(output.contains(&port) && output.contains("gateway.port"), "{output}");
}

#[test]
fn a_wrong_configuration_names_file_line_and_key() {
    need_gateway!();
    let good = format!("gateway:\n  port: 0\n  auth:\n    token: \"{TOKEN}\"\n");
    for (more, line, expected) in [
        ("  prot: 1\n", ":5", vec!["gateway.prot", "port"]),
        (
            "  rate_limit:\n    requests_per_minute: many\n",
            ":6",
            vec!["gateway.rate_limit.requests_per_minute"],
        ),
        ("memory:\n  segment_mb: 0\n", ":6", vec!["memory.segment_mb", "1024"]),
        ("providers:\n  primary:\n    type: anthropik\n", ":7", vec!["providers.primary.type", "anthropic"]),
        ("routing:\n  fallback: [nobody]\n", "", vec!["routing.fallback", "nobody"]),
        ("channels:\n  telegramm: {}\n", "", vec!["telegramm", "telegram"]),
        ("  bind: 0.0.0.0\n  auth: {enabled: false}\n", "", vec!["gateway"]),
        ("skills: [\n", "", vec!["gateway.yaml"]),
    ] {
        let setup = Setup::new().keep_config();
        setup.data().write_config(&format!("{good}{more}"));
        let output = setup.try_start().err().unwrap_or_else(|| panic!("must not start with\n{more}"));
        assert!(output.contains(&format!("gateway.yaml{line}")), "{more}\n{output}");
        for part in expected {
            assert!(output.contains(part), "{part} is missing:\n{output}");
        }
        let (status, out, err) = setup.run(&["config", "check"]);
        assert!(!status.success(), "{more}\n{out}{err}");
    }
}

#[test]
fn an_unset_variable_names_itself_and_its_key() {
    need_gateway!();
    let setup = Setup::new().keep_config();
    setup.data().write_config("gateway:\n  port: 0\n  auth:\n    token: \"${NOT_SET_ANYWHERE}\"\n");
    let output = setup.try_start().err().expect("no token");
    assert!(output.contains("gateway.auth.token") && output.contains("NOT_SET_ANYWHERE"), "{output}");
    let gateway = setup.env("NOT_SET_ANYWHERE", TOKEN).start();
    assert_eq!(gateway.client().get("/status").status, 200);
}

#[test]
fn listening_beyond_this_machine_needs_a_token() {
    need_gateway!();
    let setup = Setup::new().keep_config();
    setup.data().write_config("gateway:\n  port: 0\n  bind: 0.0.0.0\n  auth:\n    enabled: false\n");
    let output = setup.try_start().err().expect("refused");
    assert!(output.contains("gateway.auth.enabled"), "{output}");
}

#[test]
fn the_other_commands_work_beside_a_running_gateway() {
    need_gateway!();
    let setup = Setup::with(&Provider::openai());
    let gateway = setup.start();
    let setup = setup.env("OPENCLAW_GATEWAY__PORT", gateway.address().port().to_string());
    let (status, out, err) = setup.run(&["status"]);
    assert!(status.success() && out.contains("running"), "{out}{err}");
    let (status, out, err) = setup.run(&["config", "show"]);
    assert!(status.success() && out.contains("***REDACTED***") && !out.contains(TOKEN), "{out}{err}");
    let (status, out, err) = setup.run(&["config", "check"]);
    assert!(status.success(), "{out}{err}");
    let (status, out, err) = setup.run(&["model", "list"]);
    assert!(status.success(), "{out}{err}");
    let (_, out, err) = setup.run(&["doctor"]);
    let report = format!("{out}{err}").to_lowercase();
    for topic in ["config", "port", "disk", "provider"] {
        assert!(report.contains(topic), "{topic} is missing in\n{report}");
    }
    let (status, out, _) = setup.run(&["--version"]);
    assert!(status.success() && out.contains('.'), "{out}");
    let (status, ..) = setup.run(&["dance"]);
    assert!(!status.success());
}

#[test]
fn the_printed_defaults_are_a_configuration() {
    need_gateway!();
    let setup = Setup::new().keep_config();
    let (status, defaults, err) = setup.run(&["config", "default"]);
    assert!(status.success(), "{err}");
    assert!(defaults.contains("gateway:") && defaults.contains("18789"), "{defaults}");
    setup.data().write_config(&defaults);
    let setup = setup.env("OPENCLAW_GATEWAY__PORT", "0").env("OPENCLAW_GATEWAY__AUTH__TOKEN", TOKEN);
    let setup = setup.env("GATEWAY_AUTH_TOKEN", TOKEN);
    assert_eq!(setup.start().client().get("/status").status, 200);
}

#[test]
fn chat_streams_in_a_pipe() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers(&["Hello ", "from a pipe"]);
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let setup = setup.env("OPENCLAW_GATEWAY__PORT", gateway.address().port().to_string());
    let mut command = setup.command(&["chat"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"hi\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("Hello from a pipe"), "{text}");
    assert_eq!(gateway.client().get("/conversations").expect(200)["total"], json!(1));
}

/// Runs a first start until it has said something and SIGTERM has ended it: every line of the stream that `lines` reads.
fn first_start(mut command: Command, lines: impl FnOnce(&mut Child) -> Box<dyn BufRead>) -> Vec<String> {
    let mut child = command.spawn().unwrap();
    // The command keeps its ends of the streams open.
    drop(command);
    let mut lines = lines(&mut child).lines();
    let mut said = Vec::new();
    while !said.last().is_some_and(|line: &String| line.starts_with("Listening")) {
        said.push(lines.next().expect("it ended").unwrap());
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    // A terminal that nobody writes to any more is an error to read on some systems, and the end on others.
    said.extend(lines.map_while(Result::ok));
    assert!(child.wait().unwrap().success());
    said
}

#[test]
fn the_first_start_says_five_lines_at_most() {
    need_gateway!();
    let setup = || Setup::new().keep_config().env("OPENCLAW_GATEWAY__PORT", "0").env("NO_COLOR", "1");
    let mut command = setup().command(&["run"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let said = first_start(command, |child| Box::new(BufReader::new(child.stdout.take().unwrap())));
    assert!((1..=5).contains(&said.len()), "{said:#?}");

    let terminal = Terminal::open();
    let mut command = setup().command(&["run"]);
    command.stdin(terminal.stream()).stdout(terminal.stream()).stderr(terminal.stream());
    let said = first_start(command, |_| Box::new(terminal.read()));
    // After that it is told to go, and says so.
    let said: Vec<_> = said.iter().take_while(|line| !line.contains("leaving")).collect();
    assert!((1..=5).contains(&said.len()), "{said:#?}");
}
