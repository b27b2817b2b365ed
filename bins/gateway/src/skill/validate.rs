//! `gateway skill validate`.

use std::path::PathBuf;

use openclaw_skills::Validation;
use serde_json::{Value, json};

use super::args::Output;
use crate::{
    exit::{Exit, Stop},
    memory::show::{counted, json as print_json},
    output::{deliver, harmless},
};

/// Judges folders; fails when one of them can't be used.
pub(super) fn validate(folders: &[PathBuf], output: Output) -> Result<Exit, Stop> {
    let judged: Vec<(String, Validation)> = folders
        .iter()
        .map(|folder| (folder.display().to_string(), openclaw_skills::validate(folder)))
        .collect();
    if output.json {
        let all: Vec<Value> = judged.iter().map(|(folder, validation)| value(folder, validation)).collect();
        print_json(&json!({ "skills": all }))?;
    } else {
        let text: String = judged.iter().map(|(folder, validation)| told(folder, validation)).collect();
        deliver(&harmless(&text))?;
    }
    let good = judged.iter().all(|(_, validation)| validation.problems.is_empty());
    Ok(if good { Exit::Ok } else { Exit::Failure })
}

fn told(folder: &str, validation: &Validation) -> String {
    let mut text = String::new();
    let verdict = if validation.problems.is_empty() { "ok  " } else { "FAIL" };
    text.push_str(&format!("{verdict}  {folder}"));
    if let (Some(name), Some(version)) = (&validation.name, &validation.version) {
        text.push_str(&format!("  {name} {version}"));
    }
    if let Some(shape) = &validation.shape {
        text.push_str(&format!(" · {shape}"));
    }
    if validation.problems.is_empty() {
        let parameters = validation.parameters.len() as u64;
        text.push_str(&format!(" · {}", counted(parameters, "parameter", "parameters")));
    }
    text.push('\n');
    if !validation.permissions.is_empty() {
        text.push_str(&format!("      asks for {}\n", validation.permissions.join(", ")));
    }
    for problem in &validation.problems {
        text.push_str(&format!("      ! {problem}\n"));
    }
    for warning in &validation.warnings {
        text.push_str(&format!("      ~ {warning}\n"));
    }
    text
}

fn value(folder: &str, validation: &Validation) -> Value {
    json!({
        "folder": folder,
        "valid": validation.problems.is_empty(),
        "name": validation.name,
        "version": validation.version,
        "shape": validation.shape,
        "permissions": validation.permissions,
        "parameters": validation.parameters,
        "warnings": validation.warnings,
        "problems": validation.problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_and_warnings_stand_below_their_folder() {
        let mut validation = Validation::default();
        validation.name = Some("weather".to_owned());
        validation.version = Some("1.0.0".to_owned());
        validation.shape = Some("program (python3 main.py)".to_owned());
        validation.permissions = vec!["network:api.example.com".to_owned()];
        validation.parameters = vec!["city".to_owned()];
        validation.warnings = vec!["it has no licence".to_owned()];
        assert_eq!(
            told("w", &validation),
            "ok    w  weather 1.0.0 · program (python3 main.py) · 1 parameter\n      asks for network:api.example.com\n      ~ it has no licence\n"
        );
        assert_eq!(value("w", &validation)["valid"], true);
        let mut broken = Validation::default();
        broken.problems = vec!["SKILL.md is missing".to_owned()];
        assert_eq!(told("x", &broken), "FAIL  x\n      ! SKILL.md is missing\n");
        assert_eq!(value("x", &broken)["problems"][0], "SKILL.md is missing");
    }
}
