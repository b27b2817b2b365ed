//! `gateway skill install`, `remove` and `rollback`.

use std::io::{self, IsTerminal as _, Write as _};

use openclaw_core::port::{SkillInfo, SkillInstall, SkillPort as _};
use openclaw_skills::{SkillBeyond, SkillRefusal, SkillRequest};

use super::{Here, args::Install, stop, told::quoted};
use crate::{
    chat::{
        keyboard::Keyboard,
        questions::{Answer, visible},
    },
    exit::{Exit, Stop},
    output::{complain, harmless, line},
};

/// Installs a skill. What it asks for beyond what it may have is shown, and a person is asked.
pub(super) async fn install(here: &Here, install: &Install) -> Result<Exit, Stop> {
    let mut request = SkillRequest {
        name: install.skill.name.clone(),
        version: install.skill.version.clone(),
        allow: install.allow.iter().cloned().collect(),
        force: install.force,
    };
    let mut was_asked = false;
    loop {
        let beyond = match here.skills.try_install(request.clone()).await {
            Ok(SkillInstall::Installed(info)) => return Ok(tell(here, "installed", info)),
            Ok(SkillInstall::Unchanged(info)) => return Ok(tell(here, "there already:", info)),
            Err(SkillRefusal::Other(error)) => return Err(stop(&error)),
            Err(SkillRefusal::Beyond(beyond, _)) => beyond,
        };
        let may_ask = beyond.denied.is_empty() && !was_asked;
        if !(may_ask && (install.yes || is_person_there())) {
            return Err(Stop::new(Exit::Failure, refusal(&beyond)));
        }
        complain(&what_it_wants(&beyond));
        if !install.yes && !allowed().await {
            return Err(Stop::new(Exit::Failure, format!("{} is not installed", beyond.name)));
        }
        was_asked = true;
        // Exactly what was shown, and of the version that was looked at.
        request.allow.extend(beyond.missing.iter().cloned());
        request.version = Some(beyond.version);
    }
}

/// Removes a skill.
pub(super) async fn remove(here: &Here, name: &str) -> Result<Exit, Stop> {
    let removed = here.skills.remove(name).await.map_err(|error| stop(&error))?;
    line(&harmless(&format!("removed {} {}", removed.name, removed.version)));
    Ok(Exit::Ok)
}

/// Goes back to the version before.
pub(super) async fn rollback(here: &Here, name: &str) -> Result<Exit, Stop> {
    let info = here.skills.rollback(name).await.map_err(|error| stop(&error))?;
    Ok(tell(here, "went back to", info))
}

/// What became of it; and when it can't be called as it is, why.
fn tell(here: &Here, what: &str, info: SkillInfo) -> Exit {
    let info = here.at_rest(info);
    line(&harmless(&format!("{what} {} {}", info.name, info.version)));
    if let Some(reason) = info.reason {
        complain(&harmless(&format!("{} is {}: {reason}", info.name, info.status)));
    }
    Exit::Ok
}

fn is_person_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks until there is an answer; the end of the input is a no.
async fn allowed() -> bool {
    let mut keyboard = Keyboard::new(true);
    loop {
        let mut stderr = io::stderr().lock();
        // A question that can't be shown gets no answer.
        let _ = write!(stderr, "Allow? [y/N] ").and_then(|()| stderr.flush());
        drop(stderr);
        match keyboard.answer().await.as_deref().map(Answer::of) {
            Some(Answer::Yes) => return true,
            Some(Answer::No) | None => return false,
            Some(Answer::Neither) => {}
        }
    }
}

/// What is asked for, as a person decides about it.
fn what_it_wants(beyond: &SkillBeyond) -> String {
    let since = match (&beyond.moved, &beyond.previous) {
        (Some(moved), _) => {
            format!(
                ". It is not from where it was: {}. What was granted before does not count",
                visible(moved)
            )
        }
        (None, Some(version)) => format!(" (compared with {version})"),
        (None, None) => String::new(),
    };
    let mut text = format!("{} {} wants more than it may have{since}:", beyond.name, beyond.version,);
    for change in &beyond.changes {
        text.push_str(&format!("\n  {}", visible(change)));
    }
    text
}

/// The end where nobody can be asked.
fn refusal(beyond: &SkillBeyond) -> String {
    let mut text = what_it_wants(beyond);
    if beyond.denied.is_empty() {
        let flags: Vec<String> = beyond
            .missing
            .to_texts()
            .iter()
            .map(|permission| format!("--allow {}", quoted(&visible(permission))))
            .collect();
        let wanted = format!("{}@{}", beyond.name, beyond.version);
        text.push_str(&format!(
            "\nInstall it with: gateway skill install {wanted} {}\nor add that to skills.policy.allow",
            flags.join(" ")
        ));
    } else {
        let list = beyond.denied.to_texts().join(", ");
        text.push_str(&format!(
            "\nskills.policy.deny forbids {}: it can't be installed unless the policy changes",
            visible(&list)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use openclaw_core::Permissions;

    use super::*;

    fn permissions(texts: &[&str]) -> Permissions {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn beyond(denied: &[&str]) -> SkillBeyond {
        SkillBeyond {
            name: "fetch".to_owned(),
            version: "1.1.0".to_owned(),
            previous: Some("1.0.0".to_owned()),
            moved: None,
            missing: permissions(&["network:*.example.com", "env:TOKEN"]),
            denied: permissions(denied),
            changes: ["+ network:*.example.com", "+ env:TOKEN", "- shell"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn a_refusal_shows_the_difference_and_the_command_that_allows_it() {
        assert_eq!(
            refusal(&beyond(&[])),
            "fetch 1.1.0 wants more than it may have (compared with 1.0.0):\n  \
             + network:*.example.com\n  + env:TOKEN\n  - shell\n\
             Install it with: gateway skill install fetch@1.1.0 --allow 'network:*.example.com' --allow env:TOKEN\n\
             or add that to skills.policy.allow"
        );
    }

    #[test]
    fn a_skill_from_elsewhere_is_told_as_such() {
        let moved = Some("1.0.0 came from /a, this one comes from /b".to_owned());
        let told = what_it_wants(&SkillBeyond { moved, ..beyond(&[]) });
        assert!(told.starts_with(
            "fetch 1.1.0 wants more than it may have. It is not from where it was: 1.0.0 came from /a, this one comes from \
             /b. What was granted before does not count:\n  + network"
        ));
    }

    #[test]
    fn what_policy_denies_can_not_be_allowed() {
        let told = refusal(&beyond(&["env:TOKEN"]));
        assert!(told.ends_with(
            "skills.policy.deny forbids env:TOKEN: it can't be installed unless the policy changes"
        ));
        assert!(!told.contains("--allow"), "{told}");
    }
}
