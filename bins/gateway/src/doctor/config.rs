//! The configuration and who can read it.

use super::Finding;
use crate::{
    config::{LoadError, Loaded, Loader, near_misses, openness, too_open},
    exit::{Exit, Stop},
    home::Home,
};

pub(super) fn configuration(loader: &Loader, loaded: &Result<Loaded, LoadError>) -> Vec<Finding> {
    const ABOUT: &str = "config";
    let path = loader.file().display();
    let mut findings = Vec::new();
    let is_there = loader.file().exists();
    if !is_there {
        let text = format!("{path} is not there yet; the first start makes it: gateway");
        findings.push(Finding::warn(ABOUT, text));
    }
    match loaded {
        Err(LoadError::Problems(problems)) => {
            let told = problems.0.iter().map(ToString::to_string);
            // Without a file there is no token yet, which is no mistake.
            let told = told.filter(|text| is_there || !text.contains("gateway.auth.token"));
            findings.extend(told.map(|text| Finding::fail(ABOUT, text)));
        }
        Ok(_) if !is_there => {}
        Err(error) => findings.push(Finding::fail(ABOUT, Stop::because(Exit::Config, error).message)),
        Ok(loaded) => {
            findings.push(Finding::ok(ABOUT, path.to_string()));
            let open = openness(&loaded.config.gateway);
            if open.is_empty() {
                findings.push(Finding::ok("auth", "a token is needed and long enough"));
            }
            findings.extend(open.into_iter().map(|text| Finding::warn("auth", text)));
        }
    }
    for name in near_misses(loader.environment()) {
        let text = format!(
            "{name} is set but read by nobody: sections are parted by two underscores, as in OPENCLAW_GATEWAY__PORT"
        );
        findings.push(Finding::warn("environment", text));
    }
    findings
}

pub(super) fn permissions(home: &Home) -> Vec<Finding> {
    const ABOUT: &str = "permissions";
    if !home.root().exists() {
        return vec![Finding::ok(
            ABOUT,
            format!("{} will be made at the first start", home.root().display()),
        )];
    }
    let private = [(home.root().to_owned(), 0o700), (home.config_file(), 0o600)];
    let mut findings: Vec<Finding> = private
        .iter()
        .filter_map(|(path, mode)| too_open(path, *mode))
        .map(|text| Finding::warn(ABOUT, text))
        .collect();
    for path in [home.root().to_owned(), home.memory(), home.models(), home.skills()] {
        if path.exists() && rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).is_err() {
            let path = path.display();
            let text = format!(
                "{path} can't be written by this user; run the gateway as its owner, or: chown -R \"$USER\" {path}"
            );
            findings.push(Finding::fail(ABOUT, text));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(ABOUT, format!("{} is yours alone", home.root().display())));
    }
    findings
}
