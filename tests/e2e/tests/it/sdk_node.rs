//! The Node library as its users get it: packed, installed where nothing else is, and run against a real gateway.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use openclaw_e2e::{Gateway, Provider, Setup, TOKEN, need_gateway, skip};
use tempfile::TempDir;

/// The seed's lines, word by word.
const SEED: &str = r"
import { OpenClawClient } from '@openclaw/sdk';

const client = new OpenClawClient({
baseUrl: 'http://127.0.0.1:18789',
token: process.env.GATEWAY_AUTH_TOKEN,
});

// 發送메시지
const response = await client.message('明天的天氣如何?');
console.log(response.content);

// 串流回應
for await (const chunk of client.messageStream('寫一首詩')) {
process.stdout.write(chunk.content || '');
}
";

/// An empty home with the package in it, and a gateway to talk to.
struct Place {
    home: TempDir,
    gateway: Gateway,
    provider: Provider,
}

impl Place {
    /// Or why there is none.
    fn new() -> Result<Self, String> {
        for program in ["node", "npm"] {
            let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
            if !found.is_ok_and(|status| status.success()) {
                return Err(format!("{program} is not installed"));
            }
        }
        let modules = sdk().join("node_modules");
        if !modules.join("typescript").is_dir() {
            return Err("the Node library's compiler is missing: run `npm ci --prefix sdks/node`".to_owned());
        }
        let home = TempDir::new().unwrap();
        let provider = Provider::openai();
        let gateway = Setup::with(&provider).start();
        let place = Self { home, gateway, provider };
        // Built in a copy, so that tests that run at the same time do not meet.
        let source = place.home.path().join("source");
        copy(&sdk().join("src"), &source.join("src"));
        for file in ["package.json", "tsconfig.json", "README.md"] {
            std::fs::copy(sdk().join(file), source.join(file)).unwrap();
        }
        std::os::unix::fs::symlink(modules, source.join("node_modules")).unwrap();
        let name = place.run(&source, "npm", &["pack", "--silent", "--pack-destination", ".."]);
        std::fs::create_dir(place.app()).unwrap();
        let package = format!("../{}", name.trim());
        let install = ["install", "--silent", "--offline", "--no-audit", "--no-fund", &package];
        place.run(&place.app(), "npm", &install);
        Ok(place)
    }

    fn app(&self) -> PathBuf {
        self.home.path().join("app")
    }

    /// A program with an empty home and nothing of our environment.
    fn command(&self, directory: &Path, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(directory).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("GATEWAY_AUTH_TOKEN", TOKEN);
        command.env("GATEWAY_URL", format!("http://{}", self.gateway.address()));
        command.env("GATEWAY_HOME", self.gateway.home().path());
        command
    }

    /// Runs a program to its end; what it wrote.
    fn run(&self, directory: &Path, program: &str, args: &[&str]) -> String {
        let output = self.command(directory, program, args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{program} {args:?}: {}\n{out}\n{err}", output.status);
        out
    }

    /// Runs a program of JavaScript; only the port is another than it says.
    fn node(&self, name: &str, program: &str) -> String {
        let port = self.gateway.address().port().to_string();
        std::fs::write(self.app().join(name), program.replace("18789", &port)).unwrap();
        self.run(&self.app(), "node", &[name])
    }

    /// Runs a file of the library's tests.
    fn script(&self, name: &str) -> String {
        let program = std::fs::read_to_string(sdk().join("test/gateway").join(name)).unwrap();
        self.node(name, &program)
    }
}

fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdks/node").canonicalize().unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The blocks of JavaScript in the README.
fn blocks(readme: &str) -> Vec<&str> {
    readme.split("```js\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
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
    assert_eq!(place.node("seed.mjs", SEED), "晴天\n床前明月光");

    let readme = std::fs::read_to_string(sdk().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    let setup = blocks.first().unwrap();
    for (number, block) in blocks.iter().enumerate() {
        let program = if block.contains("from \"@openclaw/sdk\"") {
            (*block).to_owned()
        } else {
            format!("{setup}\n{{\n{block}\n}}\n")
        };
        place.node(&format!("readme{number}.mjs"), &program);
    }

    let mut examples = 0;
    for entry in std::fs::read_dir(sdk().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let out = place.node(name, &std::fs::read_to_string(&path).unwrap());
        assert!(!out.is_empty(), "{name} says nothing");
        examples += 1;
    }
    assert!(examples > 0 && blocks.len() > 3);
}

#[test]
fn every_method_works_against_the_gateway() {
    need_gateway!();
    let place = match Place::new() {
        Ok(place) => place,
        Err(reason) => skip!("{reason}"),
    };
    place.script("every.mjs");
    place.script("session.mjs");
    place.script("channel.mjs");

    let tokens: Vec<String> = (0..60).map(|number| format!("{number} ")).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    // A connection that is cut again and again; an answer that takes longer than one waits; two that nobody wants any more.
    place.provider.answers_slowly(&tokens, 20);
    place.script("cut.mjs");
    place.provider.answers_slowly(&tokens, 50);
    place.script("late.mjs");
    place.provider.stalls(&["never", " ending"]);
    place.provider.stalls(&["never", " ending"]);
    place.script("cancel.mjs");
}

#[test]
fn a_stream_lasts_through_a_restart() {
    need_gateway!();
    let place = match Place::new() {
        Ok(place) => place,
        Err(reason) => skip!("{reason}"),
    };
    let script = std::fs::read_to_string(sdk().join("test/gateway/restart.mjs")).unwrap();
    std::fs::write(place.app().join("restart.mjs"), script).unwrap();
    place.provider.stalls(&["never", " ending"]);
    let mut child = place
        .command(&place.app(), "node", &["restart.mjs"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begun");

    let Place { home: _home, gateway, provider } = place;
    let home = gateway.home().clone();
    gateway.terminate();
    assert!(gateway.wait().0.success());
    provider.answers(&["after", " all"]);
    let _gateway = Setup::with(&provider).home(&home).start();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines.next().unwrap().unwrap(), "after all");
}
