//! What a call does, and how it ends.

use openclaw_core::{
    config::{SandboxEngine, SkillLimits, SkillPolicy, SkillsConfig},
    port::{SkillPort as _, ToolPort as _},
};
use serde_json::{Value, json};

use crate::support::{Home, call, context};

const ECHO: &str = "import json, sys\nprint(json.dumps({'got': json.load(sys.stdin)}))\n";

#[tokio::test]
async fn a_program_gets_its_arguments_and_answers() {
    let home = Home::new(SandboxEngine::Namespace);
    let head = "version: 1.2.3\nparameters:\n  type: object\n  properties:\n    city: {type: string}\n  required: [city]\n";
    home.python("echo", head, ECHO);
    home.start().await;

    let tools = home.skills.definitions().await;
    assert_eq!(tools.len(), 1);
    assert_eq!((tools[0].name.as_str(), &tools[0].parameters["required"]), ("echo", &json!(["city"])));

    for _ in 0..3 {
        let result = home.call("echo", json!({"city": "서울"})).await;
        assert!(!result.is_error, "{}", result.content);
        let got: Value = serde_json::from_str(&result.content).unwrap();
        assert_eq!(got, json!({"got": {"city": "서울"}}));
    }
    let wrong = home.call("echo", json!({"town": "x"})).await;
    assert!(wrong.is_error && wrong.content.contains("city"), "{}", wrong.content);
    let unknown = home.call("nothing", json!({})).await;
    assert!(unknown.is_error && unknown.content.contains("nothing"), "{}", unknown.content);

    let listed = home.skills.list().await.unwrap();
    assert_eq!((listed[0].status.as_str(), listed[0].invocations), ("active", 3));
    assert!(listed[0].last_used.is_some());
}

#[tokio::test]
async fn every_bound_ends_the_skill_and_is_told() {
    let limits = SkillLimits { memory_mb: 64, processes: 16, timeout_seconds: 2, ..SkillLimits::default() };
    let home =
        Home::with(SkillsConfig { engine: SandboxEngine::Namespace, limits, ..SkillsConfig::default() });
    home.python("sleeper", "", "import time\ntime.sleep(60)\n");
    home.python("glutton", "", "kept = []\nwhile True: kept.append(bytearray(1 << 20))\n");
    home.python("filler", "", "f = open('/tmp/x', 'wb')\nwhile True: f.write(bytes(1 << 20)); f.flush()\n");
    home.python(
        "rabbit",
        "",
        "import os, time\nwhile True:\n  try: os.fork()\n  except OSError: time.sleep(.01)\n",
    );
    home.python("flood", "", "import sys\nwhile True: sys.stdout.write('x' * 65536)\n");
    home.python("noise", "", "import sys\nwhile True: sys.stderr.write('x' * 65536)\n");
    home.python("mute", "", "pass\n");
    home.python("broken", "", "import sys\nsys.exit('no such city')\n");
    home.python("crash", "", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n");
    home.python("forger", "", "import os\nos._exit(240)\n");
    home.start().await;
    for (skill, words) in [
        ("sleeper", "within 2 s"),
        ("glutton", "MemoryError"),
        ("filler", ""),
        ("rabbit", ""),
        ("noise", "was ended"),
        ("mute", "no result"),
        ("broken", "no such city"),
        ("crash", "signal 11"),
        ("forger", "exit code 1"),
    ] {
        let result = home.call(skill, json!({})).await;
        assert!(result.is_error && result.content.contains(words), "{skill}: {}", result.content);
    }
    let flood = home.call("flood", json!({})).await;
    assert!(flood.content.contains("cut off"), "{}", &flood.content[flood.content.len() - 200..]);
}

#[tokio::test]
async fn a_changed_file_is_noticed_without_a_restart() {
    let home = Home::new(SandboxEngine::Namespace);
    home.start().await;
    assert!(home.skills.definitions().await.is_empty());
    home.python("echo", "", ECHO);
    assert_eq!(home.listed().await[0].2, "active");
    assert_eq!(home.skills.definitions().await.len(), 1);
    let first = home.call("echo", json!({"n": 1})).await;
    assert!(first.content.contains("got"), "{}", first.content);
    // A sandbox of the old program may be ready by now; it must not serve.
    home.put("echo", "main.py", "print('{\"new\": true}')\n");
    assert_eq!(home.listed().await.len(), 1);
    let second = home.call("echo", json!({})).await;
    assert_eq!(second.content, "{\"new\": true}");
    home.put("echo", "SKILL.md", "no head at all");
    let (name, _, status, reason) = home.listed().await.remove(0);
    assert_eq!((name.as_str(), status.as_str()), ("echo", "invalid"));
    assert!(reason.is_some());
    assert!(home.skills.definitions().await.is_empty());
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once() {
    let home = Home::new(SandboxEngine::Namespace);
    home.python("sleeper", "", "import time\ntime.sleep(60)\n");
    home.start().await;
    let context = context();
    let cancel = context.cancel.clone();
    let sleeper = call("sleeper", json!({}));
    let (result, ()) = tokio::join!(home.skills.call(&sleeper, &context), async {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    assert!(result.is_error && result.content.contains("cancelled"), "{}", result.content);
}

#[tokio::test]
async fn instructions_are_read_step_by_step() {
    let home = Home::new(SandboxEngine::Namespace);
    home.put(
        "guide",
        "SKILL.md",
        "---\nname: guide\ndescription: How to greet.\n---\n# Greet\nSee references/tone.md.\n",
    );
    home.put("guide", "references/tone.md", "Be kind.");
    home.start().await;
    let tools = home.skills.definitions().await;
    assert_eq!(tools[0].name, "skill_read");
    assert!(tools[0].description.contains("guide: How to greet."), "{}", tools[0].description);
    assert!(!tools[0].description.contains("references/tone.md"));

    let body = home.call("skill_read", json!({"skill": "guide"})).await;
    assert!(
        body.content.contains("# Greet") && body.content.contains("references/tone.md"),
        "{}",
        body.content
    );
    let file = home.call("skill_read", json!({"skill": "guide", "path": "references/tone.md"})).await;
    assert_eq!((file.content.as_str(), file.is_error), ("Be kind.", false));
    for path in ["../../../gateway.yaml", "/etc/shadow", "nothing.md", "references"] {
        let refused = home.call("skill_read", json!({"skill": "guide", "path": path})).await;
        assert!(refused.is_error && !refused.content.contains("needle"), "{path}: {}", refused.content);
    }
    let unknown = home.call("skill_read", json!({"skill": "other"})).await;
    assert!(unknown.is_error && unknown.content.contains("guide"), "{}", unknown.content);
}

#[tokio::test]
async fn a_skill_is_disabled_while_the_configuration_says_so() {
    let home = Home::new(SandboxEngine::Namespace);
    home.python("reader", "permissions: ['filesystem:read:/usr/share']\n", ECHO);
    home.start().await;
    assert_eq!(home.listed().await[0].2, "active");
    let policy = SkillPolicy { deny: vec!["filesystem:read:/usr".to_owned()], ..SkillPolicy::default() };
    let config = SkillsConfig { engine: SandboxEngine::Namespace, policy, ..SkillsConfig::default() };
    home.config.send_replace(std::sync::Arc::new(config));
    let (_, _, status, reason) = home.listed().await.remove(0);
    assert_eq!(status, "denied");
    assert!(reason.is_some_and(|reason| reason.contains("filesystem:read:/usr/share")));
    assert!(home.call("reader", json!({})).await.is_error);
}

#[tokio::test]
async fn the_runtime_directory_is_never_granted() {
    let home = Home::new(SandboxEngine::Namespace);
    let run = home.path("run");
    home.python("nosy", &format!("permissions: ['filesystem:write:{}']\n", run.display()), "print('{}')\n");
    home.start().await;
    let result = home.call("nosy", json!({})).await;
    assert!(result.is_error && result.content.contains("what is its own"), "{}", result.content);
    home.end().await;
}

#[tokio::test]
async fn what_is_offered_waits_for_the_engine() {
    let home = Home::new(SandboxEngine::Namespace);
    home.python("early", "", "print('{}')");
    let (offered, ()) = tokio::join!(home.skills.definitions(), home.start());
    assert_eq!(offered.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["early"]);
    home.end().await;
}
