//! `gateway skill search`, `list`, `info` and `audit`.

use hyper::Method;
use openclaw_core::port::SkillPort as _;
use serde_json::{Value, json};

use super::{
    Here,
    args::{Output, Search},
    stop, told,
};
use crate::{
    client::{Client, ClientError},
    exit::{Exit, Stop},
    memory::show::{columns, json as print_json},
    output::{complain, deliver, harmless, line},
    run_file,
};

/// Finds skills to install.
pub(super) async fn search(here: &Here, search: &Search) -> Result<Exit, Stop> {
    let query = search.words.join(" ");
    let found = here.skills.search(&query, usize::from(search.limit)).await.map_err(|error| stop(&error))?;
    if search.output.json {
        let all: Vec<Value> = found.iter().map(told::found_item).collect();
        print_json(&json!({ "total": all.len(), "skills": all }))?;
        return Ok(Exit::Ok);
    }
    deliver(&told::found(&found, columns()))?;
    if found.is_empty() {
        let hint = match &here.config.skills.registry {
            Some(_) => "",
            None => "; only those that come with the gateway are known: skills.registry names more",
        };
        complain(&format!("no skill is about {}{hint}", harmless(&query)));
    }
    Ok(Exit::Ok)
}

/// Lists skills: as the running gateway sees them, else as they lie there.
pub(super) async fn list(here: &Here, output: Output) -> Result<Exit, Stop> {
    let skills = match of_gateway(here).await? {
        Some(skills) => skills,
        None => {
            let infos = here.skills.list().await.map_err(|error| stop(&error))?;
            infos.into_iter().map(|info| told::item(&here.at_rest(info))).collect()
        }
    };
    if output.json {
        print_json(&json!({ "total": skills.len(), "skills": skills }))?;
    } else if skills.is_empty() {
        line("no skill is installed; gateway skill search WORDS finds some");
    } else {
        deliver(&told::list(&skills, columns()))?;
    }
    Ok(Exit::Ok)
}

/// Looks at a skill closely.
pub(super) async fn info(here: &Here, name: &str, output: Output) -> Result<Exit, Stop> {
    let mut details = here.skills.details(name).await.map_err(|error| stop(&error))?;
    details.info = here.at_rest(details.info);
    let running = of_gateway(here).await?.unwrap_or_default();
    let listed = running.into_iter().find(|skill| skill["name"] == name);
    let listed = listed.unwrap_or_else(|| told::item(&details.info));
    // One's own skills are in no lock, so a damaged lock is no reason to say nothing of them.
    let audits = here.skills.audit().await.unwrap_or_default();
    let audit = audits.iter().find(|audit| audit.name == name);
    if output.json {
        print_json(&told::details_item(&details, audit, listed))?;
    } else {
        deliver(&told::details(&details, audit, &listed))?;
    }
    Ok(Exit::Ok)
}

/// Checks installed skills; fails when one is not what was installed.
pub(super) async fn audit(here: &Here, output: Output) -> Result<Exit, Stop> {
    let audits = here.skills.audit().await.map_err(|error| stop(&error))?;
    if output.json {
        let all: Vec<Value> = audits.iter().map(told::audit_item).collect();
        print_json(&json!({ "total": all.len(), "skills": all }))?;
    } else if audits.is_empty() {
        line("no skill is installed from a registry; one's own are not audited");
    } else {
        deliver(&told::audits(&audits))?;
    }
    Ok(if audits.iter().all(|audit| audit.intact) { Exit::Ok } else { Exit::Failure })
}

/// The skills as the running gateway lists them, which knows whether its engine works; `None`: none runs here.
async fn of_gateway(here: &Here) -> Result<Option<Vec<Value>>, Stop> {
    let running = run_file::running(&here.home).filter(|_| here.port.is_none());
    if running.is_none() && here.port.is_none() {
        return Ok(None);
    }
    let client = Client::new(running.as_ref(), &here.config.gateway);
    match client.json(Method::GET, "/skills", None).await {
        Ok(mut answer) => match answer["skills"].take() {
            Value::Array(skills) => Ok(Some(skills)),
            _ => Err(Stop::new(Exit::Failure, "the gateway's answer has no skills in it")),
        },
        Err(error @ ClientError::NotRunning(_)) if here.port.is_some() => {
            Err(Stop::new(Exit::NotRunning, error.to_string()))
        }
        // The file of one that was killed.
        Err(ClientError::NotRunning(_)) => Ok(None),
        Err(error) if here.port.is_none() => {
            complain(&harmless(&format!(
                "the running gateway can't be asked ({error}); this is as they lie there"
            )));
            Ok(None)
        }
        Err(error) => Err(Stop::new(Exit::Failure, harmless(&error.to_string()))),
    }
}
