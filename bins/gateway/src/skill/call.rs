//! `gateway skill run`: one call in a sandbox of this process.

use std::{
    io::{self, Read as _},
    time::Duration,
};

use openclaw_core::{SKILL_READ, port::SkillPort as _};
use openclaw_skills::{SkillDetails, SkillKind, Skills};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{Here, args::Run, stop};
use crate::{
    exit::{Exit, Stop},
    output::{complain, deliver, harmless, on_terminal},
};

/// How long a server may take to say what it offers.
pub(super) const SERVER: Duration = Duration::from_secs(35);
/// Most bytes of arguments that are read; a call takes 1 MiB.
const ARGUMENTS: u64 = 4 * 1024 * 1024;

/// The arguments of the command line, or of standard input. Blocks.
pub(super) fn arguments(given: Option<&str>) -> Result<Map<String, Value>, Stop> {
    let mut text = String::new();
    match given {
        None => {}
        Some("-") => {
            io::stdin()
                .lock()
                .take(ARGUMENTS)
                .read_to_string(&mut text)
                .map_err(|error| Stop::new(Exit::Failure, format!("can't read standard input: {error}")))?;
        }
        Some(given) => given.clone_into(&mut text),
    }
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let wrong = |reason: String| {
        Stop::new(
            Exit::Usage,
            format!("the arguments must be a JSON object, such as {{\"city\": \"Seoul\"}}: {reason}"),
        )
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(wrong("this is another kind of value".to_owned())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Calls a skill and prints what it gives.
pub(super) async fn run(here: &Here, run: &Run, mut arguments: Map<String, Value>) -> Result<Exit, Stop> {
    let name = &run.name;
    let details = usable(here, name).await?;
    start(&here.skills, name).await?;
    let (skill, tool) = match details.kind {
        Some(SkillKind::Instructions) => {
            arguments.insert("skill".to_owned(), Value::String(name.clone()));
            (SKILL_READ, None)
        }
        Some(SkillKind::Server) => (name.as_str(), Some(tool_of(here, run).await?)),
        _ => (name.as_str(), run.tool.clone()),
    };
    let cancel = CancellationToken::new();
    let result = here.skills.call_once(skill, tool.as_deref(), arguments, &cancel).await;
    let content = if on_terminal() || result.is_error { harmless(&result.content) } else { result.content };
    let content = content.trim_end();
    if result.is_error {
        complain(content);
        return Ok(Exit::Failure);
    }
    deliver(&format!("{content}\n"))?;
    Ok(Exit::Ok)
}

/// A skill that can be called as far as its files go.
pub(super) async fn usable(here: &Here, name: &str) -> Result<SkillDetails, Stop> {
    let details = here.skills.details(name).await.map_err(|error| stop(&error))?;
    if details.kind.is_some() {
        return Ok(details);
    }
    let reason = details.info.reason.unwrap_or_default();
    Err(Stop::new(Exit::Failure, harmless(&format!("{name} is {}: {reason}", details.info.status))))
}

/// Chooses an engine for a skill, or says why there is none.
pub(super) async fn start(skills: &Skills, name: &str) -> Result<(), Stop> {
    skills.start_one(name).await;
    let sandbox = skills.sandbox();
    if sandbox.engine != "none" {
        return Ok(());
    }
    let mut message = "no sandbox engine works here; gateway doctor says what to do".to_owned();
    for problem in &sandbox.problems {
        message.push_str(&format!("\n  ! {}", harmless(problem)));
    }
    Err(Stop::new(Exit::Failure, message))
}

/// The tool of a server that is meant.
async fn tool_of(here: &Here, run: &Run) -> Result<String, Stop> {
    let name = &run.name;
    here.skills.settled(SERVER).await;
    let details = here.skills.details(name).await.map_err(|error| stop(&error))?;
    if let Some(reason) = details.info.reason {
        return Err(Stop::new(
            Exit::Failure,
            harmless(&format!("{name} is {}: {reason}", details.info.status)),
        ));
    }
    let prefix = format!("{name}.");
    let own = |tool: &str| tool.strip_prefix(&prefix).unwrap_or(tool).to_owned();
    let tools: Vec<String> = details.tools.iter().map(|tool| own(tool)).collect();
    match (&run.tool, tools.as_slice()) {
        (Some(tool), _) => Ok(own(tool)),
        (None, [only]) => Ok(only.clone()),
        (None, _) => {
            let what = format!("{name} has several tools, name one with --tool: {}", tools.join(", "));
            Err(Stop::new(Exit::Usage, harmless(&what)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_none() {
        assert_eq!(arguments(None).unwrap(), Map::new());
        assert_eq!(arguments(Some("  ")).unwrap(), Map::new());
        assert_eq!(arguments(Some("{\"a\": 1}")).unwrap()["a"], 1);
        for wrong in ["[1]", "{", "3"] {
            let stop = arguments(Some(wrong)).unwrap_err();
            assert!(stop.exit == Exit::Usage && stop.message.contains("JSON object"), "{}", stop.message);
        }
    }
}
