//! `gateway skill …`, on the skills directory itself.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use openclaw_e2e::{Setup, TOKEN, Terminal, need_gateway, skip};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const ECHO: &str = "import json, sys\ngot = json.load(sys.stdin)\nif 'fail' in got: sys.exit(got['fail'])\nprint(json.dumps({'got': got}))\n";

/// Runs a command that must succeed; what it printed.
#[track_caller]
fn ok(setup: &Setup, args: &[&str]) -> String {
    let (status, stdout, stderr) = setup.run(args);
    assert!(status.success(), "{args:?}: {status}\n{stdout}\n{stderr}");
    stdout
}

/// Runs a command that must fail with this code; what it printed, and what it complained.
#[track_caller]
fn fails(setup: &Setup, args: &[&str], code: i32) -> (String, String) {
    let (status, stdout, stderr) = setup.run(args);
    assert_eq!(status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}");
    (stdout, stderr)
}

#[track_caller]
fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A folder beside the data directory.
fn beside(setup: &Setup, name: &str) -> PathBuf {
    setup.data().path().parent().unwrap().join(name)
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn manifest(name: &str, head: &str) -> String {
    format!("---\nname: {name}\ndescription: Gives back what it gets.\n{head}---\nCall it.\n")
}

/// A skill that gives back what it gets.
fn put_echo(folder: &Path, head: &str) {
    let name = folder.file_name().unwrap().to_str().unwrap();
    put(&folder.join("SKILL.md"), &manifest(name, head));
    put(&folder.join("main.py"), ECHO);
}

/// A registry in a directory; each version of the skill `fetch` with the permissions it asks for.
fn registry(folder: &Path, versions: &[(&str, &str)]) {
    let mut all = json!({});
    for (version, permissions) in versions {
        let mut tar =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let head = format!("version: {version}\npermissions: [{permissions}]\n");
        for (path, text) in [("SKILL.md", manifest("fetch", &head)), ("main.py", ECHO.to_owned())] {
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        let archive = tar.into_inner().unwrap().finish().unwrap();
        let name = format!("fetch-{version}.tar.gz");
        let sha256: String = Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
        all[version] = json!({"archive": name, "sha256": sha256, "size": archive.len()});
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(name), archive).unwrap();
    }
    let index =
        json!({"version": 1, "skills": {"fetch": {"description": "Fetches things", "versions": all}}});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

/// With a registry of these versions.
fn with_registry(versions: &[(&str, &str)]) -> Setup {
    let setup = Setup::new();
    let folder = beside(&setup, "registry");
    registry(&folder, versions);
    setup.extra(&format!("skills:\n  registry: {}", folder.display()))
}

/// With the built-in engine; `None` where that does not work.
fn with_engine() -> Option<Setup> {
    let setup = Setup::new().extra("skills:\n  engine: namespace");
    put_echo(&setup.data().path().join("skills/echo"), "");
    let (status, _, stderr) = setup.run(&["skill", "run", "echo"]);
    if stderr.contains("no sandbox engine works here") {
        println!("{stderr}");
        return None;
    }
    assert!(status.success(), "{stderr}");
    Some(setup)
}

macro_rules! need_engine {
    () => {{
        need_gateway!();
        match with_engine() {
            Some(setup) => setup,
            None => skip!("the built-in sandbox does not work here"),
        }
    }};
}

#[test]
fn validate_needs_no_data_directory_and_names_what_is_wrong() {
    need_gateway!();
    let setup = Setup::new().keep_config();
    let good = beside(&setup, "echo");
    put_echo(&good, "version: 1.0.0\npermissions: [\"network:api.example.com\"]\n");
    let good = good.display().to_string();
    let told = ok(&setup, &["skill", "validate", &good]);
    assert!(told.starts_with(&format!("ok    {good}  echo 1.0.0 · program")), "{told}");
    assert!(told.contains("asks for network:api.example.com"), "{told}");
    let bad = beside(&setup, "bad");
    put(&bad.join("SKILL.md"), "---\nname: bad\ndescription: x\npermissions: [\"everything\"]\n---\n");
    let bad = bad.display().to_string();
    let (told, _) = fails(&setup, &["skill", "validate", &good, &bad], 1);
    assert!(told.contains("ok  ") && told.contains("FAIL") && told.contains("everything"), "{told}");
    let (told, _) = fails(&setup, &["skill", "validate", "--json", &bad], 1);
    let told = json_of(&told);
    assert_eq!((&told["skills"][0]["valid"], &told["skills"][0]["folder"]), (&json!(false), &json!(bad)));
    assert!(!setup.data().path().exists(), "nothing was made");
}

#[test]
fn a_skill_that_comes_with_the_gateway_is_installed_listed_and_removed() {
    need_gateway!();
    let setup = Setup::new().keep_config();
    assert!(ok(&setup, &["skill", "search", "ARITHMETIC"]).starts_with("calc"));
    assert!(ok(&setup, &["skill", "list"]).contains("no skill is installed"));
    assert!(!setup.data().path().exists(), "looking makes nothing");
    assert_eq!(ok(&setup, &["skill", "install", "calc"]), "installed calc 1.0.0\n");
    assert!(setup.data().config().exists(), "the first start was made up for");
    assert_eq!(ok(&setup, &["skill", "install", "calc@1.0.0"]), "there already: calc 1.0.0\n");
    let listed = json_of(&ok(&setup, &["skill", "list", "--json"]));
    let calc = &listed["skills"][0];
    assert_eq!(
        (&listed["total"], &calc["name"], &calc["status"]),
        (&json!(1), &json!("calc"), &json!("ready"))
    );
    let told = ok(&setup, &["skill", "list"]);
    assert!(told.starts_with("calc  1.0.0  ready") && told.ends_with("used never\n"), "{told}");
    let info = json_of(&ok(&setup, &["skill", "info", "calc", "--json"]));
    assert_eq!((&info["kind"], &info["tools"]), (&json!("program"), &json!(["calc"])));
    assert_eq!((&info["origin"]["source"], &info["origin"]["intact"]), (&json!("builtin"), &json!(true)));
    let told = ok(&setup, &["skill", "info", "calc"]);
    assert!(told.contains("nothing beyond its own folder") && told.contains("SKILL.md"), "{told}");
    assert_eq!(ok(&setup, &["skill", "remove", "calc"]), "removed calc 1.0.0\n");
    for command in ["info", "remove", "rollback", "run"] {
        let (_, error) = fails(&setup, &["skill", command, "calc"], 1);
        assert!(error.contains("no skill `calc` is installed"), "{error}");
    }
    let (_, error) = fails(&setup, &["skill", "install", "weather-of-mars"], 1);
    assert!(error.contains("skills.registry"), "{error}");
    let (_, error) = fails(&setup, &["skill", "install", "../evil"], 1);
    assert!(error.contains("`name` must be"), "{error}");
}

#[test]
fn permissions_are_shown_and_must_be_allowed() {
    need_gateway!();
    let setup = with_registry(&[("1.0.0", "\"network:a.example\"")]);
    assert!(ok(&setup, &["skill", "search", "things"]).contains("fetch  1.0.0  Fetches things"));
    let (_, error) = fails(&setup, &["skill", "install", "fetch"], 1);
    assert!(error.contains("\n  + network:a.example\n"), "{error}");
    assert!(error.contains("gateway skill install fetch@1.0.0 --allow network:a.example"), "{error}");
    assert!(ok(&setup, &["skill", "list"]).contains("no skill is installed"));
    let (_, error) = fails(&setup, &["skill", "install", "fetch", "--allow", "everything"], 2);
    assert!(error.contains("network:HOST"), "{error}");
    let allow = ["skill", "install", "fetch", "--allow", "network:a.example"];
    assert_eq!(ok(&setup, &allow), "installed fetch 1.0.0\n");

    // The next version wants something else.
    registry(
        &beside(&setup, "registry"),
        &[("1.0.0", "\"network:a.example\""), ("1.1.0", "\"network:*.b.example\", shell")],
    );
    let (_, error) = fails(&setup, &["skill", "install", "fetch"], 1);
    assert!(error.contains("(compared with 1.0.0)"), "{error}");
    for line in ["+ network:*.b.example", "+ shell", "- network:a.example"] {
        assert!(error.contains(&format!("\n  {line}\n")), "{line}: {error}");
    }
    assert!(error.contains("--allow 'network:*.b.example' --allow shell"), "{error}");
    let listed = |setup: &Setup| json_of(&ok(setup, &["skill", "list", "--json"]))["skills"][0].clone();
    assert_eq!(listed(&setup)["version"], "1.0.0");
    let (status, out, error) = setup.run(&["skill", "install", "fetch", "--yes"]);
    assert!(status.success() && error.contains("+ shell"), "{error}");
    assert_eq!(out, "installed fetch 1.1.0\n");
    assert_eq!(listed(&setup)["permissions"], json!({"network": true, "filesystem": false, "shell": true}));
    assert_eq!(ok(&setup, &["skill", "rollback", "fetch"]), "went back to fetch 1.0.0\n");
    let (_, error) = fails(&setup, &["skill", "rollback", "fetch"], 1);
    assert!(error.contains("no earlier version"), "{error}");

    let denying = setup.clone().extra(&format!(
        "skills:\n  registry: {}\n  policy: {{deny: [shell]}}",
        beside(&setup, "registry").display()
    ));
    let (_, error) = fails(&denying, &["skill", "install", "fetch", "--yes"], 1);
    assert!(error.contains("skills.policy.deny forbids shell"), "{error}");
}

#[test]
fn on_a_terminal_a_person_is_asked() {
    need_gateway!();
    let setup = with_registry(&[("1.0.0", "\"network:a.example\"")]);
    for (answer, code, told) in [("", 1, "fetch is not installed"), ("perhaps\ny", 0, "+ network:a.example")]
    {
        let terminal = Terminal::open();
        terminal.enter(answer);
        let mut command = setup.command(&["skill", "install", "fetch"]);
        command.stdin(terminal.stream()).stderr(terminal.stream()).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command);
        let reading = std::thread::spawn({
            let mut screen = terminal.read();
            move || {
                let mut bytes = Vec::new();
                // Ends with an error when the last program has left the terminal.
                let _ = screen.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            }
        });
        let output = child.wait_with_output().unwrap();
        let screen = reading.join().unwrap();
        assert_eq!(output.status.code(), Some(code), "{screen}");
        assert!(screen.contains("Allow? [y/N]") && screen.contains(told), "{screen}");
    }
    assert!(ok(&setup, &["skill", "list"]).starts_with("fetch  1.0.0"));
}

#[test]
fn a_file_that_was_changed_is_found_and_disables_the_skill() {
    need_gateway!();
    let setup = Setup::new();
    assert!(ok(&setup, &["skill", "audit"]).contains("no skill is installed"));
    let _ = ok(&setup, &["skill", "install", "calc"]);
    assert_eq!(ok(&setup, &["skill", "audit"]), "ok    calc 1.0.0  from builtin\n");
    let main = setup.data().path().join("skills/calc/1.0.0/main.py");
    let mut text = fs::read_to_string(&main).unwrap();
    text.push('#');
    fs::write(&main, &text).unwrap();
    let (told, _) = fails(&setup, &["skill", "audit"], 1);
    assert!(told.starts_with("FAIL  calc 1.0.0") && told.contains("main.py"), "{told}");
    let (told, _) = fails(&setup, &["skill", "audit", "--json"], 1);
    assert_eq!(json_of(&told)["skills"][0]["intact"], false);
    let told = ok(&setup, &["skill", "list"]);
    assert!(told.contains("changed") && told.contains("gateway skill install calc"), "{told}");
    for command in ["run", "test"] {
        let (_, error) = fails(&setup, &["skill", command, "calc"], 1);
        assert!(error.contains("calc is changed"), "{error}");
    }
    let (_, told, _) = setup.run(&["doctor"]);
    assert!(told.contains("FAIL  skills       calc is changed"), "{told}");
    let _ = ok(&setup, &["skill", "install", "calc"]);
    assert!(ok(&setup, &["skill", "audit"]).starts_with("ok  "));
}

#[test]
fn a_call_prints_the_result_and_a_failure_complains() {
    let setup = need_engine!();
    let told = ok(&setup, &["skill", "run", "echo", "{\"city\": \"서울\"}"]);
    assert_eq!(json_of(&told), json!({"got": {"city": "서울"}}));
    let mut command = setup.command(&["skill", "run", "echo", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"n\": 1}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(json_of(&String::from_utf8(output.stdout).unwrap()), json!({"got": {"n": 1}}));
    let (out, error) = fails(&setup, &["skill", "run", "echo", "{\"fail\": \"no such city\"}"], 1);
    assert!(out.is_empty() && error.contains("no such city"), "{out}{error}");
    let (_, error) = fails(&setup, &["skill", "run", "echo", "[1]"], 2);
    assert!(error.contains("JSON object"), "{error}");
    let (_, error) = fails(&setup, &["skill", "run", "nobody"], 1);
    assert!(error.contains("no skill `nobody`"), "{error}");
    let listed = json_of(&ok(&setup, &["skill", "list", "--json"]));
    assert_eq!(listed["skills"][0]["invocations"], 4, "with the first one, which failed for nothing");
    put(&setup.data().path().join("skills/guide/SKILL.md"), &manifest("guide", ""));
    put(&setup.data().path().join("skills/guide/tone.md"), "Be kind.");
    assert!(ok(&setup, &["skill", "run", "guide"]).starts_with("Call it."));
    assert_eq!(ok(&setup, &["skill", "run", "guide", "{\"path\": \"tone.md\"}"]), "Be kind.\n");
    let doctor = setup.run(&["doctor"]).1;
    assert!(doctor.contains("namespace runs skills"), "{doctor}");
    assert!(doctor.contains("skills       2, all as they were installed"), "{doctor}");
}

#[test]
fn a_skill_s_own_tests_say_what_differs() {
    let setup = need_engine!();
    let folder = beside(&setup, "echo");
    put_echo(&folder, "");
    let path = folder.display().to_string();
    let (_, error) = fails(&setup, &["skill", "test", &path], 1);
    assert!(error.contains("has no tests"), "{error}");
    let case = |name: &str, case: Value| put(&folder.join(format!("tests/{name}.json")), &case.to_string());
    case("a", json!({"name": "it echoes", "arguments": {"n": 1, "m": 2}, "expect": {"got": {"n": 1}}}));
    case("b", json!({"arguments": {"fail": "no such city"}, "expect_error": "no such city"}));
    let told = ok(&setup, &["skill", "test", &path]);
    assert_eq!(told, "ok      tests/a.json  it echoes\nok      tests/b.json\n2 tests passed\n");
    case("c", json!({"arguments": {"n": 1}, "expect": {"got": {"n": 2}}}));
    let (told, error) = fails(&setup, &["skill", "test", &path], 1);
    assert!(
        told.ends_with(
            "FAILED  tests/c.json\n        at got.n\n        - expected 2\n        + got      1\n"
        ),
        "{told}"
    );
    assert_eq!(error, "1 of 3 tests failed\n");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "nothing was left in it");
    // By name, the one in the skills directory.
    put(&setup.data().path().join("skills/echo/tests/x.json"), "{\"expect\": {\"got\": {}}}");
    assert!(ok(&setup, &["skill", "test", "echo"]).contains("tests/x.json"));
}

#[test]
fn ctrl_c_ends_the_sandbox() {
    let setup = need_engine!();
    let marker = format!("marker-{}", std::process::id());
    let folder = setup.data().path().join("skills/sleeper");
    put(
        &folder.join("SKILL.md"),
        &manifest("sleeper", &format!("entrypoint: [python3, main.py, {marker}]\n")),
    );
    put(&folder.join("main.py"), "import time\ntime.sleep(300)\n");
    let mut command = setup.command(&["skill", "run", "sleeper"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the skill runs", || is_running(&marker));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(wait_for(&mut child), Some(130));
    wait_until("the skill has ended", || !is_running(&marker));
}

/// Whether a process with this argument is there.
fn is_running(marker: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|word| word == marker.as_bytes()))
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited for a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait_for(child: &mut Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not leave");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn beside_a_running_gateway_both_see_the_same() {
    let setup = need_engine!();
    let gateway = setup.start();
    let client = gateway.client();
    wait_until("the engine is chosen", || {
        client.get("/skills").expect(200)["skills"][0]["status"] == "active"
    });
    assert_eq!(json_of(&ok(&setup, &["skill", "list", "--json"])), client.get("/skills").expect(200));
    assert!(ok(&setup, &["skill", "info", "echo"]).starts_with("echo 0.0.0 · active"));
    let _ = ok(&setup, &["skill", "install", "calc"]);
    let told = client.get("/skills").expect(200);
    assert_eq!((&told["total"], &told["skills"][0]["name"]), (&json!(2), &json!("calc")));
    // What a command opens for itself is nothing of the gateway's.
    let _ = ok(&setup, &["skill", "run", "echo"]);
    let _ = ok(&setup, &["skill", "remove", "calc"]);
    assert_eq!(client.get("/skills").expect(200)["total"], 1);
    let told = ok(&setup, &["status"]);
    assert!(told.contains("engine namespace"), "{told}");
    let port = gateway.address().port().to_string();
    assert!(ok(&setup, &["--port", &port, "skill", "list"]).contains("active"));
    assert!(!ok(&setup, &["skill", "list"]).contains(TOKEN));
    drop(gateway);
    let (_, error) = fails(&setup, &["--port", &port, "skill", "list"], 5);
    assert!(error.contains("no gateway is running"), "{error}");
    assert!(ok(&setup, &["skill", "list"]).contains("ready"));
}
