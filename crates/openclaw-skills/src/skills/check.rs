//! A skill's own tests: `tests/*.json` of its folder, each a call and what must come of it.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use openclaw_core::{
    RunId, ToolCall, ToolResult,
    port::{ToolContext, ToolPort as _},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::Skills;
use crate::{
    limits::CALL_TIME,
    package::{Kind, list_files},
};

/// The folder of the tests, in the skill's.
const FOLDER: &str = "tests";
/// Largest file of a test, in bytes.
const CASE_BYTES: u64 = 1024 * 1024;
/// Most characters of a value that a difference shows.
const SHOWN: usize = 400;

/// A call that a skill's author wrote down, and what must come of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkillCase {
    /// What it shows; empty: the file's name says it.
    #[serde(default)]
    pub name: String,
    /// Where it stands, relative to the skill's folder.
    #[serde(skip)]
    pub file: String,
    /// Which tool of a server, without the skill's name; `None`: the skill's program.
    #[serde(default)]
    pub tool: Option<String>,
    /// The call's arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// What the result must have; it may have more.
    #[serde(default)]
    pub expect: Option<Value>,
    /// The call must fail, and say this.
    #[serde(default)]
    pub expect_error: Option<String>,
}

/// A place where a result is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillDifference {
    /// Where in the result: `days[0].high`; empty: all of it.
    pub at: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub got: String,
}

/// Why a skill's tests can't be run.
#[derive(Debug, thiserror::Error)]
pub enum SkillCaseError {
    /// It has none.
    #[error("{} has no tests: put a call and what it must give into {FOLDER}/NAME.json", folder.display())]
    None {
        /// The skill's folder.
        folder: PathBuf,
    },
    /// A file can't be read or copied.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is no test.
    #[error("{} is no test: {reason}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There is more in the folder than a skill may have.
    #[error("{} has more files, or deeper folders, than a skill may have", folder.display())]
    TooMuch {
        /// The skill's folder.
        folder: PathBuf,
    },
}

impl SkillCaseError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

impl SkillCase {
    /// The tests of the skill in `folder`, by file name. Blocking.
    ///
    /// # Errors
    /// When there are none, or one of them can't be read.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, SkillCaseError> {
        let tests = folder.join(FOLDER);
        let entries = match fs::read_dir(&tests) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SkillCaseError::None { folder: folder.to_owned() });
            }
            Err(error) => return Err(SkillCaseError::io("read", &tests)(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(SkillCaseError::io("read", &tests))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            return Err(SkillCaseError::None { folder: folder.to_owned() });
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Result<Self, SkillCaseError> {
        let invalid = |reason: String| SkillCaseError::Invalid { path: path.to_owned(), reason };
        let metadata = fs::metadata(path).map_err(SkillCaseError::io("read", path))?;
        if !metadata.is_file() || metadata.len() > CASE_BYTES {
            return Err(invalid(format!("it must be a file of at most {} KiB", CASE_BYTES / 1024)));
        }
        let bytes = fs::read(path).map_err(SkillCaseError::io("read", path))?;
        let wrong = |error: serde_json::Error| invalid(error.to_string());
        // By way of an object: an array would do, too, else.
        let members: Map<String, Value> = serde_json::from_slice(&bytes).map_err(wrong)?;
        let mut case: Self = serde_json::from_value(Value::Object(members)).map_err(wrong)?;
        if case.expect.is_some() && case.expect_error.is_some() {
            return Err(invalid("it can't expect a result and an error: leave one out".to_owned()));
        }
        case.file = format!("{FOLDER}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        Ok(case)
    }

    /// What is wrong with a result; nothing: it is as expected.
    #[must_use]
    pub fn judge(&self, result: &ToolResult) -> Vec<SkillDifference> {
        let whole = |expected: String| {
            let is_error = if result.is_error { "the error " } else { "" };
            let got = format!("{is_error}{}", shortened(&result.content));
            vec![SkillDifference { at: String::new(), expected, got }]
        };
        match (&self.expect_error, &self.expect) {
            (Some(words), _) if result.is_error && result.content.contains(words.as_str()) => Vec::new(),
            (Some(words), _) => whole(format!("an error with the words {words:?}")),
            (None, _) if result.is_error => whole("a result".to_owned()),
            (None, None) => Vec::new(),
            (None, Some(expected)) => {
                // What a server answers need not be JSON.
                let got = serde_json::from_str(&result.content)
                    .unwrap_or_else(|_| Value::String(result.content.clone()));
                let mut differences = Vec::new();
                compare("", expected, Some(&got), &mut differences);
                differences
            }
        }
    }
}

/// Objects may have more than is expected of them; everything else must be equal.
fn compare(at: &str, expected: &Value, got: Option<&Value>, differences: &mut Vec<SkillDifference>) {
    match (expected, got) {
        (Value::Object(members), Some(Value::Object(had))) => {
            for (name, member) in members {
                let dot = if at.is_empty() { "" } else { "." };
                compare(&format!("{at}{dot}{name}"), member, had.get(name), differences);
            }
        }
        (Value::Array(items), Some(Value::Array(had))) if items.len() == had.len() => {
            for (index, item) in items.iter().enumerate() {
                compare(&format!("{at}[{index}]"), item, had.get(index), differences);
            }
        }
        (expected, Some(got)) if is_equal(expected, got) => {}
        (expected, got) => differences.push(SkillDifference {
            at: at.to_owned(),
            expected: shortened(&expected.to_string()),
            got: got.map_or_else(|| "nothing".to_owned(), |got| shortened(&got.to_string())),
        }),
    }
}

/// `1` and `1.0` are one number.
fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Skills {
    /// Calls a tool of a skill on a person's behalf; `tool` is a server's own name of it. Start first.
    pub async fn call_once(
        &self,
        skill: &str,
        tool: Option<&str>,
        arguments: Map<String, Value>,
        cancel: &CancellationToken,
    ) -> ToolResult {
        let run = RunId::generate();
        let context = ToolContext {
            run,
            conversation: run.new_conversation_id(),
            timeout: CALL_TIME,
            cancel: cancel.clone(),
            judged: None,
        };
        let name = tool.map_or_else(|| skill.to_owned(), |tool| format!("{skill}.{tool}"));
        let call = ToolCall { id: "call_1".to_owned(), name, arguments: Value::Object(arguments) };
        self.call(&call, &context).await
    }
}

/// Copies the files of a skill into `to`, which must not be there yet; folders of version control stay behind. Blocking.
///
/// # Errors
/// When there are more files than a skill may have, or one can't be copied.
pub fn copy_skill(from: &Path, to: &Path) -> Result<(), SkillCaseError> {
    let listing = list_files(from).map_err(SkillCaseError::io("read", from))?;
    if !listing.is_complete {
        return Err(SkillCaseError::TooMuch { folder: from.to_owned() });
    }
    // Who runs in a sandbox may be another user.
    let folder = |path: &Path| {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(path)
            .map_err(SkillCaseError::io("create", path))
    };
    folder(to)?;
    for entry in listing.entries {
        let (source, target) = (from.join(&entry.path), to.join(&entry.path));
        target.parent().map_or(Ok(()), folder)?;
        let failed = SkillCaseError::io("copy", &source);
        match entry.kind {
            Kind::File => {
                let mode = fs::metadata(&source).map(|metadata| metadata.permissions().mode() & 0o111);
                let copied = mode.and_then(|mode| {
                    fs::copy(&source, &target)?;
                    let readable = if mode == 0 { 0o644 } else { 0o755 };
                    fs::set_permissions(&target, fs::Permissions::from_mode(readable))
                });
                copied.map_err(failed)?;
            }
            // Where it leads is not looked at: it means the same, or nothing, in the sandbox.
            Kind::Link => fs::read_link(&source)
                .and_then(|leads_to| std::os::unix::fs::symlink(leads_to, &target))
                .map_err(failed)?,
            Kind::Other => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(value: Value) -> SkillCase {
        serde_json::from_value(value).unwrap()
    }

    fn told(case: &SkillCase, content: &str, is_error: bool) -> Vec<(String, String, String)> {
        let (call_id, name) = (String::new(), String::new());
        let result = ToolResult { call_id, name, content: content.to_owned(), is_error };
        let differences = case.judge(&result).into_iter();
        differences.map(|difference| (difference.at, difference.expected, difference.got)).collect()
    }

    #[test]
    fn a_result_may_have_more_than_is_expected() {
        let days =
            case(json!({"arguments": {}, "expect": {"days": [{"high": 3}, {"high": 4}], "unit": "°C"}}));
        let good = r#"{"days": [{"high": 3.0, "low": 1}, {"high": 4}], "unit": "°C", "more": 1}"#;
        assert_eq!(told(&days, good, false), []);
        let wrong = told(&days, r#"{"days": [{"high": 3}, {"high": 5}]}"#, false);
        let owned =
            |at: &str, expected: &str, got: &str| (at.to_owned(), expected.to_owned(), got.to_owned());
        assert_eq!(wrong, [owned("days[1].high", "4", "5"), owned("unit", "\"°C\"", "nothing")]);
        assert_eq!(told(&days, r#"{"days": [], "unit": "°C"}"#, false)[0].0, "days");
        assert_eq!(told(&days, "no such city", true), [owned("", "a result", "the error no such city")]);
        assert_eq!(told(&case(json!({"expect": "plain"})), "plain", false), []);
        assert_eq!(told(&case(json!({})), "anything", false), []);
    }

    #[test]
    fn an_error_is_known_by_its_words() {
        let refused = case(json!({"arguments": {"n": -1}, "expect_error": "below zero"}));
        assert_eq!(told(&refused, "`root` failed: -1 is below zero", true), []);
        assert_eq!(told(&refused, "something else", true).len(), 1);
        assert_eq!(told(&refused, "{\"below zero\": 1}", false)[0].2, "{\"below zero\": 1}");
    }

    #[test]
    fn tests_are_read_by_name_and_mistakes_are_told_with_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let missing = SkillCase::read_all(dir.path()).unwrap_err();
        assert!(matches!(missing, SkillCaseError::None { .. }), "{missing}");
        fs::create_dir(dir.path().join("tests")).unwrap();
        fs::write(dir.path().join("tests/README.md"), "").unwrap();
        assert!(matches!(SkillCase::read_all(dir.path()), Err(SkillCaseError::None { .. })));
        for name in ["b", "a"] {
            let text = json!({"name": name, "arguments": {"x": 1}, "expect": {}}).to_string();
            fs::write(dir.path().join(format!("tests/{name}.json")), text).unwrap();
        }
        let cases = SkillCase::read_all(dir.path()).unwrap();
        let names: Vec<_> = cases.iter().map(|case| (case.name.as_str(), case.file.as_str())).collect();
        assert_eq!(names, [("a", "tests/a.json"), ("b", "tests/b.json")]);
        for (text, words) in [
            ("{\"expects\": 1}", "expects"),
            ("[]", ""),
            ("{\"expect\": 1, \"expect_error\": \"x\"}", "leave one out"),
        ] {
            fs::write(dir.path().join("tests/c.json"), text).unwrap();
            let error = SkillCase::read_all(dir.path()).unwrap_err().to_string();
            assert!(error.contains("tests/c.json is no test") && error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_copy_has_every_file_and_who_may_run_it() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        for folder in ["sub/.git", "scripts"] {
            fs::create_dir_all(from.join(folder)).unwrap();
        }
        fs::write(from.join("SKILL.md"), "x").unwrap();
        fs::write(from.join("sub/.git/config"), "x").unwrap();
        fs::write(from.join("scripts/run.sh"), "#!/bin/sh").unwrap();
        fs::set_permissions(from.join("scripts/run.sh"), fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("SKILL.md", from.join("link")).unwrap();
        let to = dir.path().join("to");
        copy_skill(&from, &to).unwrap();
        let mode = |name: &str| fs::symlink_metadata(to.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("SKILL.md"), mode("scripts/run.sh")), (0o644, 0o755));
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("SKILL.md"));
        assert!(!to.join("sub").exists());
    }
}
