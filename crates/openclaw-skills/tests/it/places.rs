//! How many sandboxes there are at the same time, and who waits for whom.

use std::{collections::HashSet, fs, path::PathBuf, time::Duration};

use openclaw_core::{
    config::{SandboxEngine, SkillLimits, SkillsConfig},
    port::{ToolContext, ToolPort as _},
};
use serde_json::json;

use crate::support::{Home, call, context};

/// A server with one tool, which counts its calls.
const SERVER: &str = "
import json, sys
count = 0
for line in sys.stdin:
    asked = json.loads(line)
    method, answer = asked['method'], None
    if method == 'initialize':
        answer = {'protocolVersion': asked['params']['protocolVersion'], 'capabilities': {'tools': {}}, 'serverInfo': {'name': 'count', 'version': '1'}}
    elif method == 'tools/list':
        answer = {'tools': [{'name': 'next', 'description': 'Counts.', 'inputSchema': {'type': 'object'}}]}
    elif method == 'tools/call':
        count += 1
        answer = {'content': [{'type': 'text', 'text': 'call %d' % count}]}
    if answer is not None:
        print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': answer}), flush=True)
";

/// One place, and so much kept ready as fits.
fn home() -> Home {
    let limits = SkillLimits { concurrent: 1, warm: 2, ..SkillLimits::default() };
    Home::with(SkillsConfig { engine: SandboxEngine::Namespace, limits, ..SkillsConfig::default() })
}

/// Sandboxes of skills of this home, told apart by their mount namespaces.
fn live(home: &Home) -> usize {
    let skills = home.path("home/.openclaw/skills").canonicalize().unwrap();
    let skills = skills.to_str().unwrap();
    let spaces: HashSet<PathBuf> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|process| {
            let mounts = fs::read_to_string(process.path().join("mountinfo")).ok()?;
            let is_ours = mounts.lines().any(|line| line.contains(" /skill ") && line.contains(skills));
            if is_ours { fs::read_link(process.path().join("ns/mnt")).ok() } else { None }
        })
        .collect();
    spaces.len()
}

/// What was ended is gone a moment later.
async fn no_more_than_one(home: &Home) {
    for _ in 0..200 {
        if live(home) <= 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} sandboxes", live(home));
}

#[tokio::test]
async fn what_waits_for_a_call_leaves_its_place_to_one() {
    let home = home();
    home.python("echo", "", "import sys\nprint(sys.stdin.read())\n");
    home.python("count", "mcp: true\n", SERVER);
    home.start().await;
    home.skills.settled(Duration::from_secs(60)).await;
    let context = context();
    for _ in 0..3 {
        let echoed = home.call("echo", json!({"n": 1})).await;
        assert!(!echoed.is_error, "{}", echoed.content);
        no_more_than_one(&home).await;
        // Two calls of one conversation; the server stays in between.
        for expected in ["call 1", "call 2"] {
            let counted = home.skills.call(&call("count.next", json!({})), &context).await;
            assert_eq!(counted.content, expected);
            no_more_than_one(&home).await;
        }
    }
    home.end().await;
}

#[tokio::test]
async fn a_server_that_becomes_idle_makes_room_for_who_waits() {
    let home = home();
    home.python(
        "count",
        "mcp: true\n",
        &SERVER.replace("count += 1", "count += 1; import time; time.sleep(1)"),
    );
    home.python("echo", "", "import sys\nprint(sys.stdin.read())\n");
    home.start().await;
    home.skills.settled(Duration::from_secs(60)).await;
    let (counted, echoed) = tokio::join!(home.call("count.next", json!({})), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        home.call("echo", json!({"n": 1})).await
    });
    assert_eq!(counted.content, "call 1");
    assert!(!echoed.is_error, "{}", echoed.content);
    home.end().await;
}

#[tokio::test]
async fn waiting_for_a_place_is_not_the_skills_time() {
    let home = home();
    home.python("sleeper", "", "import time\ntime.sleep(2)\nprint('{}')\n");
    home.start().await;
    let context = ToolContext { timeout: Duration::from_millis(3500), ..context() };
    let sleeper = call("sleeper", json!({}));
    let (first, second) =
        tokio::join!(home.skills.call(&sleeper, &context), home.skills.call(&sleeper, &context));
    assert_eq!((first.content.as_str(), second.content.as_str()), ("{}", "{}"));
    // The time of the caller counts all the same.
    let short = ToolContext { timeout: Duration::from_millis(500), ..context };
    let cut = home.skills.call(&sleeper, &short).await;
    assert!(cut.is_error && cut.content.contains("within 0.5 s"), "{}", cut.content);
    home.end().await;
}
