//! What skills are told of the machine around them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::Secret;
use openclaw_skills::SkillsOptions;
use rustix::{
    fs::{Access, access},
    io::Errno,
    process::{Pid, test_kill_process},
};
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
    clear_after_commands(&options.runtime_dir);
    let mut name = options.runtime_dir.into_os_string();
    name.push(format!("-{}", std::process::id()));
    Ok(SkillsOptions { runtime_dir: name.into(), ..options })
}

/// Removes the directories of commands that were killed: `PATH-PID` of processes that are no more.
fn clear_after_commands(runtime_dir: &Path) {
    let (Some(parent), Some(name)) = (runtime_dir.parent(), runtime_dir.file_name()) else { return };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let rest = found.to_str().zip(name.to_str()).and_then(|(found, name)| found.strip_prefix(name));
        let process = rest.and_then(|rest| rest.strip_prefix('-')?.parse().ok()).and_then(Pid::from_raw);
        if process.is_some_and(|process| test_kill_process(process) == Err(Errno::SRCH)) {
            // What is another user's stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_command_left_is_cleared_away() {
        let base = tempfile::tempdir().unwrap();
        let gateway = base.path().join("openclaw-1a");
        // No process has the highest number that there can be.
        let names = [format!("openclaw-1a-{}", i32::MAX), format!("openclaw-1a-{}", std::process::id())];
        for name in names.iter().map(String::as_str).chain(["openclaw-1a", "openclaw-1a-", "openclaw-2b-7"]) {
            fs::create_dir_all(base.path().join(name)).unwrap();
        }
        clear_after_commands(&gateway);
        let mut left: Vec<_> =
            fs::read_dir(base.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        left.sort_unstable();
        let mut kept = vec!["openclaw-1a", "openclaw-1a-", &names[1], "openclaw-2b-7"];
        kept.sort_unstable();
        assert_eq!(left, kept);
    }
}
