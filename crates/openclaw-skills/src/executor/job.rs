//! From a skill and its grants to what a sandbox is told.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use openclaw_core::{HostPattern, Permission, Secret, config::SkillsConfig};

use crate::{
    catalog::Skill,
    limits::{FILE_BYTES, OPEN_FILES},
    sandbox::{Bounds, Grant, Job},
};

/// The variable by which a skill learns which folders it was granted: a line each, `read:/path` or `write:/path`.
const GRANTED: &str = "OPENCLAW_GRANTED";

/// Looks up a variable.
pub type Variables = std::sync::Arc<dyn Fn(&str) -> Option<Secret> + Send + Sync>;

/// What grants are measured against.
#[derive(Clone)]
pub(crate) struct Host {
    /// The user's home directory, which `~` stands for.
    pub(crate) home: Option<PathBuf>,
    /// What no grant may reach: the gateway's data directory, with its token and its memory.
    pub(crate) forbidden: Vec<PathBuf>,
    /// Looks a variable up in the gateway's environment.
    pub(crate) variable: Variables,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("home", &self.home).finish_non_exhaustive()
    }
}

/// A job without its egress lease, and what to know of it.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) job: Job,
    /// Hosts it may reach; empty: it has no network.
    pub(crate) hosts: Vec<HostPattern>,
    /// Variables it was granted that nobody has set.
    pub(crate) unset: Vec<String>,
}

/// Why a skill can't be run as it was granted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GrantError {
    #[error("`{grant}` can't be granted: it reaches {}, where the gateway keeps what is its own", inside.display())]
    Forbidden { grant: String, inside: PathBuf },
    #[error("`{grant}` can't be granted: {reason}")]
    Path { grant: String, reason: String },
    #[error("a folder that it was granted ({grants}) does not answer: is a network drive or the like gone?")]
    Silent { grants: String },
}

impl GrantError {
    /// One of a skill's folders does not answer; the system does not say which.
    pub(crate) fn silent(skill: &Skill) -> Self {
        let is_path =
            |permission: &&Permission| matches!(permission, Permission::Read(_) | Permission::Write(_));
        let grants = skill.granted.iter().filter(is_path).map(ToString::to_string);
        Self::Silent { grants: grants.collect::<Vec<_>>().join(", ") }
    }
}

/// What `skill` is to run and may do. `life`: when init ends it at the latest; `cpu`: processor time of each process. Blocking: looks at the
/// granted folders.
pub(crate) fn draft(
    skill: &Skill,
    argv: Vec<String>,
    host: &Host,
    config: &SkillsConfig,
    life: Duration,
    cpu: Duration,
) -> Result<Draft, GrantError> {
    let (mut env, mut grants, mut hosts, mut unset) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for permission in skill.granted.iter() {
        match permission {
            Permission::Network(pattern) => hosts.push(pattern.clone()),
            Permission::Read(path) => grants.push(grant(host, permission, path, false)?),
            Permission::Write(path) => grants.push(grant(host, permission, path, true)?),
            Permission::Env(name) => match config.env.get(name).cloned().or_else(|| (host.variable)(name)) {
                Some(value) => env.push((name.clone(), value)),
                None => unset.push(name.clone()),
            },
            Permission::Shell => {}
        }
    }
    // A folder within another one keeps its own rights: it is mounted later.
    openclaw_core::sort_by(&mut grants, |a: &Grant, b| a.path.cmp(&b.path));
    if !grants.is_empty() {
        let lines = grants
            .iter()
            .map(|grant| format!("{}:{}", if grant.writable { "write" } else { "read" }, grant.path));
        env.push((GRANTED.to_owned(), Secret::new(lines.collect::<Vec<_>>().join("\n"))));
    }
    let limits = &config.limits;
    let job = Job {
        folder: skill.package.root.clone(),
        runtime: skill.package.manifest.runtime.clone(),
        argv,
        env,
        grants,
        egress: None,
        bounds: Bounds {
            memory_bytes: u64::from(limits.memory_mb) << 20,
            processes: u64::from(limits.processes),
            file_bytes: FILE_BYTES,
            open_files: OPEN_FILES,
            cpu_seconds: cpu.as_secs() + 1,
            lifetime_ms: u64::try_from(life.as_millis()).unwrap_or(u64::MAX),
        },
        any_program: skill.has_shell(),
    };
    Ok(Draft { job, hosts, unset })
}

/// A granted path as it is mounted: links followed, for what counts is where they lead.
fn grant(host: &Host, permission: &Permission, path: &str, writable: bool) -> Result<Grant, GrantError> {
    let grant = permission.to_string();
    let wrong = |reason: String| GrantError::Path { grant: grant.clone(), reason };
    let path = match (path.strip_prefix("~/"), &host.home) {
        (Some(rest), Some(home)) => home.join(rest),
        (Some(_), None) => return Err(wrong("the home directory is not known".to_owned())),
        (None, _) => PathBuf::from(path),
    };
    let real = path.canonicalize().map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    for forbidden in &host.forbidden {
        let forbidden = forbidden.canonicalize().unwrap_or_else(|_| forbidden.clone());
        if real.starts_with(&forbidden) || forbidden.starts_with(&real) {
            return Err(GrantError::Forbidden { grant, inside: forbidden });
        }
    }
    if ["/proc", "/sys", "/dev", "/run"].iter().any(|system| real.starts_with(system)) {
        return Err(wrong("what the kernel or services keep there is never shown to skills".to_owned()));
    }
    for ours in ["/skill", "/work", "/tmp", "/.openclaw"] {
        if real == Path::new(ours) {
            return Err(wrong(format!("{ours} is the sandbox's own")));
        }
    }
    let text = real.to_str().ok_or_else(|| wrong("its path is no valid UTF-8".to_owned()))?;
    if text.contains(':') || text.contains('\n') {
        return Err(wrong("its path contains a colon or a line break".to_owned()));
    }
    let metadata = real.metadata().map_err(|error| wrong(format!("{}: {error}", real.display())))?;
    Ok(Grant { path: text.to_owned(), writable, file: (metadata.dev(), metadata.ino()) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn host(dir: &Path) -> Host {
        std::fs::create_dir_all(dir.join("home/notes")).unwrap();
        std::fs::create_dir_all(dir.join("home/.openclaw")).unwrap();
        Host {
            home: Some(dir.join("home")),
            forbidden: vec![dir.join("home/.openclaw")],
            variable: Arc::new(|_| None),
        }
    }

    fn ask(host: &Host, text: &str) -> Result<Grant, GrantError> {
        let permission: Permission = text.parse().unwrap();
        let (path, writable) = match &permission {
            Permission::Read(path) => (path.clone(), false),
            Permission::Write(path) => (path.clone(), true),
            _ => unreachable!(),
        };
        grant(host, &permission, &path, writable)
    }

    #[test]
    fn the_data_directory_is_never_granted() {
        let dir = tempfile::tempdir().unwrap();
        let host = host(dir.path());
        let here = dir.path().display();
        std::os::unix::fs::symlink(dir.path().join("home/.openclaw"), dir.path().join("home/link")).unwrap();
        for text in [
            "filesystem:read:/".to_owned(),
            format!("filesystem:read:{here}"),
            format!("filesystem:write:{here}/home"),
            format!("filesystem:read:{here}/home/.openclaw"),
            "filesystem:read:~/.openclaw".to_owned(),
            "filesystem:read:~/link".to_owned(),
        ] {
            assert!(matches!(ask(&host, &text), Err(GrantError::Forbidden { .. })), "{text}");
        }
        let notes = ask(&host, "filesystem:write:~/notes").unwrap();
        assert!(notes.writable && notes.path.ends_with("/home/notes"), "{notes:?}");
    }

    #[test]
    fn what_is_missing_or_not_for_skills_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let host = host(dir.path());
        for (text, words) in [
            ("filesystem:read:~/nothing", "No such file"),
            ("filesystem:read:/proc/self", "never shown"),
            ("filesystem:read:/dev/null", "never shown"),
        ] {
            let error = ask(&host, text).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(text), "{error}");
        }
    }
}
