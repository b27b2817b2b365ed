//! `metadata`: what OpenClaw's own skills say about the machine they need.

use openclaw_core::{Permission, Permissions};
use serde_json::{Map, Value};

use super::{
    fields::{texts, word},
    yaml,
};

/// Names under which OpenClaw's part of the metadata goes; the older ones are those it had before.
const OWNERS: [&str; 4] = ["openclaw", "clawdbot", "moltbot", "clawdis"];
/// Most programs or variables that are read, and the longest of each.
const MOST: usize = 64;

/// What the metadata says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Requires {
    pub(super) programs: Vec<String>,
    pub(super) any_program: Vec<String>,
    pub(super) version: Option<String>,
    pub(super) author: Option<String>,
    pub(super) homepage: Option<String>,
}

/// Reads `metadata`, which never makes a skill invalid.
pub(super) fn read(value: &Value, permissions: &Permissions, warnings: &mut Vec<String>) -> Requires {
    let entries = match value {
        Value::Object(entries) => entries.clone(),
        // The same as JSON in a text.
        Value::String(text) => match yaml::read(text) {
            Ok(fields) => fields.into_iter().map(|field| (field.key, field.value)).collect(),
            Err(error) => {
                warnings.push(format!(
                    "`metadata` is a text that can't be read and is passed over: {}",
                    error.message
                ));
                return Requires::default();
            }
        },
        _ => {
            warnings.push("`metadata` is no mapping and is passed over".to_owned());
            return Requires::default();
        }
    };
    let own = OWNERS.iter().find_map(|owner| entries.get(*owner)?.as_object());
    let text = |entries: &Map<String, Value>, key: &str| entries.get(key).and_then(word);
    let needs = own.and_then(|own| own.get("requires")?.as_object());
    let list = |key: &str| names(needs.and_then(|needs| needs.get(key)));
    let mut variables = list("env");
    variables.extend(own.and_then(|own| text(own, "primaryEnv")));
    variables.sort();
    variables.dedup();
    for name in variables {
        let wanted = format!("env:{name}");
        if wanted.parse::<Permission>().is_ok_and(|wanted| !permissions.covers(&wanted)) {
            warnings.push(format!(
                "it needs the variable {name}, but doesn't ask for it: add `{wanted}` to `permissions`"
            ));
        }
    }
    let systems = names(own.and_then(|own| own.get("os")));
    if !systems.is_empty() && !systems.iter().any(|system| system == "linux") {
        warnings.push(format!("it is made for {}, and skills run on Linux", systems.join(", ")));
    }
    Requires {
        programs: list("bins"),
        any_program: list("anyBins"),
        version: text(&entries, "version"),
        author: text(&entries, "author"),
        homepage: own.and_then(|own| text(own, "homepage")),
    }
}

/// The names of a list, without what can't be the name of a program or variable.
fn names(list: Option<&Value>) -> Vec<String> {
    let is_name = |name: &String| {
        (1..=128).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
    };
    list.and_then(texts).unwrap_or_default().into_iter().filter(is_name).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_and_variables_are_found() {
        let metadata = json!({"version": "1.0", "openclaw": {
            "os": ["darwin"],
            "primaryEnv": "KEY",
            "requires": {"bins": ["jq", "../sh"], "anyBins": ["curl", "wget"], "env": ["KEY", "TOKEN"]},
        }});
        let granted: Permissions = ["env:TOKEN".parse().unwrap()].into_iter().collect();
        for metadata in [metadata.clone(), json!(metadata.to_string())] {
            let mut warnings = Vec::new();
            let read = read(&metadata, &granted, &mut warnings);
            assert_eq!(read.programs, ["jq"]);
            assert_eq!(read.any_program, ["curl", "wget"]);
            assert_eq!(read.version.as_deref(), Some("1.0"));
            assert_eq!(warnings.len(), 2, "{warnings:?}");
            assert!(warnings[0].contains("`env:KEY`") && warnings[1].contains("darwin"));
        }
    }

    #[test]
    fn odd_metadata_is_passed_over() {
        for odd in [json!(7), json!("{"), json!("text"), json!(["openclaw"])] {
            let mut warnings = Vec::new();
            assert_eq!(read(&odd, &Permissions::default(), &mut warnings), Requires::default());
            assert_eq!(warnings.len(), 1, "{odd}");
        }
        let mut warnings = Vec::new();
        let odd = json!({"openclaw": {"requires": ["bins"], "os": 1}, "clawdbot": []});
        assert_eq!(read(&odd, &Permissions::default(), &mut warnings), Requires::default());
        assert_eq!(warnings, [""; 0]);
    }
}
