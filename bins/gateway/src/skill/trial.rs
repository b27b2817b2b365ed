//! `gateway skill test`: a skill's own tests, on a copy of it. So a folder that is still being written can be tested, and nothing
//! is left in it.

use std::path::{Path, PathBuf};

use openclaw_core::port::SkillPort as _;
use openclaw_skills::{SkillCase, SkillDifference, copy_skill};
use tokio_util::sync::CancellationToken;

use super::{Here, call, open, stop};
use crate::{
    exit::{Exit, Stop},
    memory::show::counted,
    output::{complain, harmless, line},
    wire,
};

/// Runs the tests of a skill and prints a line for each; fails when one of them does.
pub(super) async fn test(here: &Here, skill: &str) -> Result<Exit, Stop> {
    let folder = folder_of(here, skill).await?;
    let judged = openclaw_skills::validate(&folder);
    let (Some(name), []) = (&judged.name, judged.problems.as_slice()) else {
        let text = format!("{} is no skill: {}", folder.display(), judged.problems.join("; "));
        return Err(Stop::new(Exit::Failure, harmless(&text)));
    };
    let failed = |error: openclaw_skills::SkillCaseError| Stop::because(Exit::Failure, &error);
    let cases = SkillCase::read_all(&folder).map_err(failed)?;
    // Below the command's own directory, which goes with it.
    let mut options = wire::skills::own_options(&here.home, &here.environment)?;
    options.runtime_dir = here.runtime.0.join("t");
    options.dir = here.runtime.0.join("skills");
    copy_skill(&folder, &options.dir.join(name)).map_err(failed)?;
    let (skills, _runtime) = open(options, here.config.skills.clone())?;
    let bench = Bench { skills, name };
    let ended = bench.run(&cases).await;
    bench.skills.close().await;
    ended
}

/// The folder that is meant: that of an installed skill, or the one of that path. `./name` is always a path.
async fn folder_of(here: &Here, skill: &str) -> Result<PathBuf, Stop> {
    let path = Path::new(skill);
    let is_path = skill.contains('/') || skill.starts_with('.');
    if !is_path {
        let listed = here.skills.list().await.map_err(|error| stop(&error))?;
        if listed.iter().any(|info| info.name == skill) {
            return Ok(call::usable(here, skill).await?.folder);
        }
    }
    let path = if path.is_file() { path.parent().unwrap_or(path) } else { path };
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if path.is_dir() {
        return path
            .canonicalize()
            .map_err(|error| Stop::new(Exit::Failure, format!("can't read {}: {error}", path.display())));
    }
    let text = format!("no skill {skill} is installed, and there is no folder of that name");
    Err(Stop::new(Exit::Failure, harmless(&text)))
}

/// A copy of a skill that is being tested.
struct Bench<'b> {
    skills: openclaw_skills::Skills,
    name: &'b str,
}

impl Bench<'_> {
    async fn run(&self, cases: &[SkillCase]) -> Result<Exit, Stop> {
        call::start(&self.skills, self.name).await?;
        self.skills.settled(call::SERVER).await;
        let listed = self.skills.list().await.map_err(|error| stop(&error))?;
        if let Some(info) = listed.iter().find(|info| info.name == self.name)
            && let Some(reason) = &info.reason
        {
            return Err(Stop::new(
                Exit::Failure,
                harmless(&format!("{} is {}: {reason}", info.name, info.status)),
            ));
        }
        let cancel = CancellationToken::new();
        let mut failures = 0u64;
        for case in cases {
            let arguments = case.arguments.clone();
            let result = self.skills.call_once(self.name, case.tool.as_deref(), arguments, &cancel).await;
            let differences = case.judge(&result);
            failures += u64::from(!differences.is_empty());
            line(&harmless(&told(case, &differences)));
        }
        let count = counted(cases.len() as u64, "test", "tests");
        if failures > 0 {
            complain(&format!("{failures} of {count} failed"));
            return Ok(Exit::Failure);
        }
        line(&format!("{count} passed"));
        Ok(Exit::Ok)
    }
}

/// A test's line, and what was expected and what came where the two differ.
fn told(case: &SkillCase, differences: &[SkillDifference]) -> String {
    let verdict = if differences.is_empty() { "ok    " } else { "FAILED" };
    let name = if case.name.is_empty() { String::new() } else { format!("  {}", case.name) };
    let mut text = format!("{verdict}  {}{name}", case.file);
    for difference in differences {
        if !difference.at.is_empty() {
            text.push_str(&format!("\n        at {}", difference.at));
        }
        text.push_str(&format!("\n        - expected {}", difference.expected));
        // A skill's complaint has lines of its own.
        let got = difference.got.trim_end().replace('\n', "\n          ");
        text.push_str(&format!("\n        + got      {got}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_shows_both_sides() {
        let mut case: SkillCase =
            serde_json::from_value(json!({"name": "halves", "expect": {"x": 1}})).unwrap();
        case.file = "tests/a.json".to_owned();
        assert_eq!(told(&case, &[]), "ok      tests/a.json  halves");
        case.name.clear();
        let difference = SkillDifference { at: "x".into(), expected: "1".into(), got: "2\n3".into() };
        assert_eq!(
            told(&case, &[difference]),
            "FAILED  tests/a.json\n        at x\n        - expected 1\n        + got      2\n          3"
        );
    }
}
