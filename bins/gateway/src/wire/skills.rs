//! What skills are told of the machine around them.

use std::{path::PathBuf, sync::Arc};

use openclaw_core::Secret;
use openclaw_skills::SkillsOptions;
use rustix::fs::{Access, access};
use sha2::{Digest as _, Sha256};

use crate::{
    bundled,
    config::Environment,
    exit::{Exit, Stop},
    home::Home,
};

/// Variables that container engines need to find their things.
const FOR_ENGINES: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_HOST",
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
];

/// How the skills of a data directory are opened.
pub(crate) fn options(home: &Home, environment: &Environment) -> Result<SkillsOptions, Stop> {
    let launcher = std::env::current_exe().map_err(|error| {
        Stop::new(
            Exit::Failure,
            format!("can't find the gateway's own program, which sandboxes need: {error}"),
        )
    })?;
    let variables = FOR_ENGINES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), environment.non_empty(name)?.to_owned())))
        .collect();
    let environment = environment.clone();
    Ok(SkillsOptions {
        home: environment.non_empty("HOME").map(PathBuf::from),
        forbidden: vec![home.root().to_owned()],
        environment: variables,
        builtin: bundled::SKILLS,
        variable: Arc::new({
            let environment = environment.clone();
            move |name| environment.non_empty(name).map(Secret::new)
        }),
        ..SkillsOptions::new(home.skills(), runtime_dir(home, &environment), launcher)
    })
}

/// The same for a command, which may run beside the gateway and must not touch what that has in its runtime directory.
pub(crate) fn own_options(home: &Home, environment: &Environment) -> Result<SkillsOptions, Stop> {
    let options = options(home, environment)?;
    let mut name = options.runtime_dir.into_os_string();
    name.push(format!("-{}", std::process::id()));
    Ok(SkillsOptions { runtime_dir: name.into(), ..options })
}

/// A short path of this data directory's own: a socket's path may have 107 bytes, and home directories are long.
fn runtime_dir(home: &Home, environment: &Environment) -> PathBuf {
    let digest = Sha256::digest(home.root().as_os_str().as_encoded_bytes());
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let writable = |base: &&str| access(*base, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    match environment.non_empty("XDG_RUNTIME_DIR").filter(writable) {
        Some(base) => PathBuf::from(base).join(format!("openclaw-{short}")),
        None => {
            let user = rustix::process::getuid().as_raw();
            PathBuf::from(format!("/tmp/openclaw-{user}-{short}"))
        }
    }
}
