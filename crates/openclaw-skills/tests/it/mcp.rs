//! The reference MCP servers, as skills: `OPENCLAW_MCP_SERVERS` names a directory whose `node_modules` has them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use openclaw_core::{
    Secret,
    config::{SandboxEngine, SkillsConfig},
    port::{SkillPort as _, ToolPort as _},
};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{Home, call, context};

/// Where the servers are; `None`, said: they are not.
fn servers() -> Option<PathBuf> {
    let found = std::env::var_os("OPENCLAW_MCP_SERVERS").map(PathBuf::from);
    if found.is_none() {
        println!(
            "SKIPPED: OPENCLAW_MCP_SERVERS is not set: npm install @modelcontextprotocol/server-everything there"
        );
    }
    found
}

/// Puts a skill that is one of the servers, with everything it needs in its folder.
fn put(home: &Home, from: &Path, name: &str, arguments: &str, permissions: &str) {
    let folder = home.path("home/.openclaw/skills").join(name);
    fs::create_dir_all(&folder).unwrap();
    let copied = Command::new("cp")
        .args(["-r", "--reflink=auto"])
        .arg(from.join("node_modules"))
        .arg(&folder)
        .status();
    assert!(copied.unwrap().success());
    let head = format!(
        "---\nname: {name}\ndescription: For a test.\nmcp: true\ntimeout: 60\nentrypoint: [node, \
         node_modules/@modelcontextprotocol/server-{name}/dist/index.js{arguments}]\npermissions: [{permissions}]\n---\n"
    );
    home.put(name, "SKILL.md", &head);
}

#[tokio::test]
async fn the_reference_servers_run_as_skills() {
    let Some(servers) = servers() else { return };
    let home = Home::new(SandboxEngine::Namespace);
    let files = home.path("home/files");
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("a.txt"), "needle in a file").unwrap();
    home.open_to_all(&files);
    let path = files.to_str().unwrap();
    put(&home, &servers, "everything", "", "");
    put(&home, &servers, "filesystem", &format!(", '{path}'"), &format!("'filesystem:write:{path}'"));
    home.start().await;
    home.skills.settled(Duration::from_secs(60)).await;
    for skill in home.skills.list().await.unwrap() {
        assert_eq!(skill.status, "active", "{:?}", skill.reason);
    }
    let tools: Vec<String> = home.skills.definitions().await.into_iter().map(|tool| tool.name).collect();
    for tool in
        ["everything.echo", "everything.get-sum", "filesystem.read_text_file", "filesystem.write_file"]
    {
        assert!(tools.iter().any(|name| name == tool), "{tool} is not among {tools:?}");
    }

    let echo = home.call("everything.echo", json!({"message": "안녕"})).await;
    assert!(!echo.is_error && echo.content.contains("안녕"), "{}", echo.content);
    let sum = home.call("everything.get-sum", json!({"a": 19, "b": 23})).await;
    assert!(sum.content.contains("42"), "{}", sum.content);
    let wrong = home.call("everything.get-sum", json!({"a": "x"})).await;
    assert!(wrong.is_error, "{}", wrong.content);
    let unknown = home.call("everything.no-such-tool", json!({})).await;
    assert!(unknown.is_error, "{}", unknown.content);

    // Within one conversation the server stays.
    let context = context();
    for (tool, arguments, expected) in [
        ("filesystem.write_file", json!({"path": format!("{path}/b.txt"), "content": "written inside"}), ""),
        ("filesystem.read_text_file", json!({"path": format!("{path}/a.txt")}), "needle in a file"),
        ("filesystem.read_text_file", json!({"path": format!("{path}/b.txt")}), "written inside"),
    ] {
        let result = home.skills.call(&call(tool, arguments), &context).await;
        assert!(!result.is_error && result.content.contains(expected), "{tool}: {}", result.content);
    }
    assert_eq!(fs::read_to_string(files.join("b.txt")).unwrap(), "written inside");
    let token = home.path("home/.openclaw/gateway.yaml");
    let outside =
        home.skills.call(&call("filesystem.read_text_file", json!({"path": token})), &context).await;
    assert!(outside.is_error && !outside.content.contains("needle-in-the-token-file"), "{}", outside.content);
    home.end().await;
}

/// That server is said to have failed, and offers nothing.
async fn fails(name: &str, program: &str) {
    let home = Home::new(SandboxEngine::Namespace);
    home.python(name, "mcp: true\n", program);
    home.start().await;
    home.skills.settled(Duration::from_secs(60)).await;
    let listed = home.skills.list().await.unwrap();
    assert_eq!(listed[0].status, "failed", "{listed:?}");
    assert!(home.skills.definitions().await.is_empty());
    home.end().await;
}

#[tokio::test]
async fn a_server_that_speaks_no_mcp_is_said_to_fail() {
    fails("babble", "import sys\nprint('hello, this is no JSON-RPC')\nsys.exit(3)\n").await;
}

/// Answers the greeting well, and then asks without end.
const FLOOD: &str = "
import json, sys
asked = json.loads(sys.stdin.readline())
result = {'protocolVersion': asked['params']['protocolVersion'], 'capabilities': {'tools': {}}, 'serverInfo': {'name': 'flood', 'version': '1'}}
print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)
while True:
    sys.stdout.write(json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'ping'}) + '\\n')
";

#[tokio::test]
async fn a_server_that_writes_without_end_is_ended() {
    fails("flood", FLOOD).await;
}

/// Offers tools, too many words for one of them, and answers calls with an error that is long; so does one that is asked what it offers.
const WORDY: &str = "
import json, os, sys
def say(asked, **what): print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], **what}), flush=True)
error = {'code': -32000, 'message': os.environ['WORDY_KEY'] + ' ' + 'x' * (8 << 20)}
tool = lambda name, words: {'name': name, 'inputSchema': {'type': 'object', 'description': words}}
for line in sys.stdin:
    asked = json.loads(line)
    if asked['method'] == 'initialize':
        say(asked, result={'protocolVersion': asked['params']['protocolVersion'], 'capabilities': {'tools': {}}, 'serverInfo': {'name': 'wordy', 'version': '1'}})
    elif asked['method'] == 'tools/list' and LISTS:
        say(asked, result={'tools': [tool('small', ''), tool('large', 'x' * (4 << 20)), tool('another', '')]})
    elif 'id' in asked:
        say(asked, error=error)
";

#[tokio::test]
async fn a_server_of_many_words_is_heard_in_part() {
    let env = [("WORDY_KEY".to_owned(), Secret::new("wordy-needle-1"))];
    let engine = SandboxEngine::Namespace;
    let home = Home::with(SkillsConfig { engine, env: env.into(), ..SkillsConfig::default() });
    for (name, lists) in [("lists", "True"), ("refuses", "False")] {
        home.python(name, "mcp: true\npermissions: ['env:WORDY_KEY']\n", &WORDY.replace("LISTS", lists));
    }
    home.start().await;
    home.skills.settled(Duration::from_secs(60)).await;
    let tools: Vec<String> = home.skills.definitions().await.into_iter().map(|tool| tool.name).collect();
    assert_eq!(tools, ["lists.small", "lists.another"]);
    let called = home.call("lists.small", json!({})).await.content;
    let refused = home.skills.list().await.unwrap().into_iter().find_map(|skill| skill.reason).unwrap();
    for said in [called, refused] {
        assert!(said.contains("xxx") && said.len() < 8192, "{} bytes", said.len());
        assert!(!said.contains("needle"), "{}", &said[..80]);
    }
    home.end().await;
}

#[tokio::test]
async fn only_the_server_that_is_to_be_called_is_started() {
    let home = Home::new(SandboxEngine::Namespace);
    for name in ["babble", "other"] {
        home.python(name, "mcp: true\n", "import sys\nsys.exit(3)\n");
    }
    home.skills.start_one("babble").await;
    home.skills.settled(Duration::from_secs(60)).await;
    let listed = home.skills.list().await.unwrap();
    let statuses: Vec<&str> = listed.iter().map(|skill| skill.status.as_str()).collect();
    assert_eq!(statuses, ["failed", "active"], "nobody asked the other: {listed:?}");
    home.end().await;
}

/// Answers what it must, offers these tools, and calls any; called `end`, it ends.
fn offering(tools: &str) -> String {
    format!(
        "
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    method, params = asked['method'], asked.get('params', {{}})
    if method == 'initialize':
        result = {{'protocolVersion': params['protocolVersion'], 'capabilities': {{'tools': {{}}}}, 'serverInfo': {{'name': 'x', 'version': '1'}}}}
    elif method == 'tools/list':
        result = {{'tools': {tools}}}
    elif params.get('name') == 'end':
        sys.exit(3)
    else:
        result = {{'content': [{{'type': 'text', 'text': 'called'}}]}}
    if 'id' in asked:
        print(json.dumps({{'jsonrpc': '2.0', 'id': asked['id'], 'result': result}}), flush=True)
"
    )
}

#[tokio::test]
async fn a_server_is_asked_whoever_saw_it_first() {
    let home = Home::new(SandboxEngine::Namespace);
    let shutdown = CancellationToken::new();
    let mut keeper = JoinSet::new();
    keeper.spawn(home.skills.clone().keep(shutdown.clone()));
    while home.skills.sandbox().engine == "none" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    home.python("late", "mcp: true\n", &offering("[{'name': 'a', 'inputSchema': {'type': 'object'}}]"));
    // As `GET /skills` does right after it was put there, and as an installation does.
    home.skills.list().await.unwrap();
    home.skills.settled(Duration::from_secs(60)).await;
    let called = home.call("late.a", json!({})).await;
    assert!(!called.is_error && called.content == "called", "{}", called.content);
    shutdown.cancel();
    keeper.join_all().await;
}

#[tokio::test]
async fn a_server_that_ended_is_started_anew() {
    let home = Home::new(SandboxEngine::Namespace);
    let tools = "[{'name': name, 'inputSchema': {'type': 'object'}} for name in ['end', 'other']]";
    home.python("frail", "mcp: true\n", &offering(tools));
    home.start().await;
    home.skills.settled(Duration::from_secs(60)).await;
    // Of one conversation: it has one server.
    let context = context();
    for _ in 0..2 {
        let ended = home.skills.call(&call("frail.end", json!({})), &context).await;
        assert!(ended.is_error, "{}", ended.content);
        let called = home.skills.call(&call("frail.other", json!({})), &context).await;
        assert!(!called.is_error && called.content == "called", "{}", called.content);
    }
    home.end().await;
}

#[tokio::test]
async fn tools_that_no_vendor_takes_are_left_out() {
    let home = Home::new(SandboxEngine::Namespace);
    let tools = "[{'name': name, 'inputSchema': schema} for name, schema in [('good', {}), ('good', {}), ('x\\n\\u202e', {}), ('', {}), \
         ('L' * 200, {}), ('text', {'type': 'string'}), ('odd', {'properties': 7})]]";
    home.python("liar", "mcp: true\n", &offering(tools));
    home.start().await;
    home.skills.settled(Duration::from_secs(60)).await;
    let offered = home.skills.definitions().await;
    let names: Vec<&str> = offered.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["liar.good"]);
    assert_eq!(offered[0].parameters, json!({"type": "object", "properties": {}}));
    home.end().await;
}
