//! The Python library as its users get it: a wheel, installed where nothing else is, and run against a real gateway.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use openclaw_e2e::{Gateway, Provider, Setup, TOKEN, need_gateway, skip};
use tempfile::TempDir;

/// The seed's lines, word by word. The module that they use without naming it is imported by whoever runs them.
const SEED: &str = r#"
from openclaw import OpenClawClient

client = OpenClawClient(
    base_url="http://127.0.0.1:18789",
    token=os.environ["GATEWAY_AUTH_TOKEN"],
)

# 發送메시지
response = client.message("明天的天氣如何?")
print(response.content)

# 串流回應
for chunk in client.message_stream("寫一首詩"):
    print(chunk.content, end="", flush=True)
"#;

/// An empty home with the package in it, and a gateway to talk to.
struct Place {
    home: TempDir,
    gateway: Gateway,
    provider: Provider,
}

impl Place {
    /// Or why there is none.
    fn new() -> Result<Self, String> {
        Self::with_config("")
    }

    /// The same with further sections of `gateway.yaml`.
    fn with_config(yaml: &str) -> Result<Self, String> {
        let wheels = wheels()?;
        let find = ["--no-index", "--find-links", wheels.to_str().unwrap()];
        let base = interpreter()?;
        let home = TempDir::new().unwrap();
        let provider = Provider::openai();
        let gateway = Setup::with(&provider).extra(yaml).start();
        let place = Self { home, gateway, provider };
        let (python, dist) = (place.python(), place.home.path().join("dist"));
        let (python, dist) = (python.to_str().unwrap(), dist.to_str().unwrap());
        let sdk = sdk();
        let pip = |args: &[&str]| {
            let words = [&["-m", "pip"], args, &["--quiet", "--disable-pip-version-check"], &find].concat();
            place.run(&base, &words)
        };
        // The base's pip serves the new environment, which so holds nothing but what is installed here.
        place.run(&base, &["-m", "venv", "--without-pip", place.path("venv").to_str().unwrap()]);
        pip(&["wheel", sdk.to_str().unwrap(), "--no-deps", "--wheel-dir", dist]);
        let wheel = std::fs::read_dir(dist).unwrap().next().unwrap().unwrap().path();
        let package = format!("{}[ws]", wheel.display());
        pip(&["--python", python, "install", &package]);
        std::fs::create_dir(place.path("app")).unwrap();
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn python(&self) -> PathBuf {
        self.path("venv/bin/python")
    }

    /// A program with an empty home and nothing of our environment.
    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        let app = self.path("app");
        let directory = if app.is_dir() { &app } else { self.home.path() };
        command.args(args).current_dir(directory).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("PYTHONUTF8", "1");
        command.env("HOME", self.home.path()).env("GATEWAY_AUTH_TOKEN", TOKEN);
        command.env("GATEWAY_URL", format!("http://{}", self.gateway.address()));
        command.env("GATEWAY_HOME", self.gateway.home().path());
        command
    }

    /// Runs a program to its end; what it wrote.
    fn run(&self, program: &Path, args: &[&str]) -> String {
        let output = self.command(program, args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{program:?} {args:?}: {}\n{out}\n{err}", output.status);
        out
    }

    /// Runs a Python program, in which warnings are errors; only the port is another than it says.
    fn execute(&self, name: &str, program: &str) -> String {
        self.write(name, program);
        self.run(&self.python(), &["-W", "error", name])
    }

    fn write(&self, name: &str, program: &str) {
        let port = self.gateway.address().port().to_string();
        std::fs::write(self.path("app").join(name), program.replace("18789", &port)).unwrap();
    }

    /// Runs a file of the library's tests.
    fn script(&self, name: &str) -> String {
        for helper in ["clients.py", "gateway/proxy.py"] {
            let from = sdk().join("tests").join(helper);
            std::fs::copy(&from, self.path("app").join(from.file_name().unwrap())).unwrap();
        }
        self.execute(name, &std::fs::read_to_string(sdk().join("tests/gateway").join(name)).unwrap())
    }
}

fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdks/python").canonicalize().unwrap()
}

/// Where the packages lie that the library is built with and stands on.
fn wheels() -> Result<PathBuf, String> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/wheels");
    let wheels = std::env::var_os("OPENCLAW_PYTHON_WHEELS").map_or(usual, PathBuf::from);
    wheels.canonicalize().map_err(|_| {
        "the Python library's packages are missing: run `python3 -m pip download --dest target/tools/wheels \
         --requirement sdks/python/requirements-dev.txt`"
            .to_owned()
    })
}

/// The interpreter itself: what stands on `PATH` may be a script that looks it up in a home which these tests empty.
fn interpreter() -> Result<PathBuf, String> {
    let asked = ["-c", "import sys, venv, pip; print(sys.executable)"];
    let output = Command::new("python3").args(asked).output();
    match output {
        Ok(output) if output.status.success() => {
            Ok(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()))
        }
        _ => Err("python3, or its modules venv and pip, are not installed".to_owned()),
    }
}

#[test]
fn the_seed_and_the_readme_and_the_examples_work() {
    need_gateway!();
    let place = match Place::new() {
        Ok(place) => place,
        Err(reason) => skip!("{reason}"),
    };
    place.provider.answers(&["晴", "天"]);
    place.provider.answers(&["床前", "明月", "光"]);
    assert_eq!(place.execute("seed.py", &format!("import os\n{SEED}")), "晴天\n床前明月光");

    let readme = std::fs::read_to_string(sdk().join("README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    for (number, block) in blocks.iter().enumerate() {
        let setup = if number == 0 { "" } else { blocks[0] };
        let out = place.execute(&format!("readme{number}.py"), &format!("{setup}\n{block}"));
        assert!(!out.is_empty(), "{block}");
    }

    let mut examples = 0;
    for entry in std::fs::read_dir(sdk().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let out = place.execute(name, &std::fs::read_to_string(&path).unwrap());
        assert!(!out.is_empty(), "{name} says nothing");
        examples += 1;
    }
    assert!(examples > 0 && blocks.len() > 5);
}

#[test]
fn every_method_of_both_clients_works_against_the_gateway() {
    need_gateway!();
    let channel = r#"
channels:
  webhook:
    base_url: http://127.0.0.1:9/answers
    secrets: {secret: "a secret of enough characters"}
    allowed_users: [u1]
"#;
    let place = match Place::with_config(channel) {
        Ok(place) => place,
        Err(reason) => skip!("{reason}"),
    };
    assert_eq!(place.script("every.py"), "ok\n");

    let tokens: Vec<String> = (0..60).map(|number| format!("{number} ")).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    place.provider.answers_slowly(&tokens, 20);
    place.script("broken.py");
    place.provider.answers_slowly(&tokens, 20);
    place.script("late.py");
    place.provider.stalls(&["never", " ending"]);
    place.provider.stalls(&["never", " ending"]);
    place.script("cancel.py");
}

#[test]
fn a_stream_lasts_through_a_restart() {
    need_gateway!();
    let place = match Place::new() {
        Ok(place) => place,
        Err(reason) => skip!("{reason}"),
    };
    for (from, to) in [("gateway/restart.py", "app/restart.py"), ("gateway/proxy.py", "app/proxy.py")] {
        std::fs::copy(sdk().join("tests").join(from), place.path(to)).unwrap();
    }
    place.provider.stalls(&["never", " ending"]);
    let mut command = place.command(&place.python(), &["restart.py"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begun");

    let Place { home: _home, gateway, provider } = place;
    let data = gateway.home().clone();
    gateway.terminate();
    assert!(gateway.wait().0.success());
    provider.answers(&["after", " all"]);
    let _gateway = Setup::with(&provider).home(&data).start();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines.next().unwrap().unwrap(), "after all");
}
