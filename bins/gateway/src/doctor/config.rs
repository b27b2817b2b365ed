//! The configuration and who can read it.

use super::Finding;
use crate::{
    config::{LoadError, Loaded, Loader, near_misses, too_open},
    exit::{Exit, Stop},
    home::Home,
};

/// Shortest token that nobody guesses.
pub(crate) const SAFE_TOKEN: usize = 16;

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
            let bind = loaded.config.gateway.bind;
            if !bind.is_loopback() {
                let text = format!(
                    "gateway.bind is {bind}: everybody in the network can reach the gateway; bind it to 127.0.0.1 unless that is meant, \
                     and put TLS in front of it"
                );
                findings.push(Finding::warn("bind", text));
            }
            let auth = &loaded.config.gateway.auth;
            if !auth.enabled {
                let text = "gateway.auth.enabled is false: every program on this machine can use the gateway";
                findings.push(Finding::warn("auth", text));
            } else if auth.token.expose().len() < SAFE_TOKEN {
                let text = format!(
                    "gateway.auth.token is shorter than {SAFE_TOKEN} characters: use a longer one, such as 32 random bytes in hex"
                );
                findings.push(Finding::warn("auth", text));
            } else {
                findings.push(Finding::ok("auth", "a token is needed and long enough"));
            }
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
