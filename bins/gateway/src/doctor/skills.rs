//! What runs skills, and whether they are what was installed.

use std::path::Path;

use openclaw_core::{
    config::{SandboxEngine, SkillsConfig},
    port::SkillPort as _,
};

use super::Finding;
use crate::{
    config::Environment,
    exit::{Exit, Stop},
    home::Home,
    output::harmless,
    skill::open,
    wire,
};

/// In the order in which `auto` tries them.
const ENGINES: [(SandboxEngine, &str); 3] = [
    (SandboxEngine::Podman, "podman"),
    (SandboxEngine::Docker, "docker"),
    (SandboxEngine::Namespace, "namespace"),
];

/// What came of trying an engine.
#[derive(Debug)]
struct Tried {
    engine: SandboxEngine,
    name: &'static str,
    /// Whether it works, and then whether it does without root's rights.
    works: Option<bool>,
    /// What is wrong with it otherwise.
    problem: String,
}

/// What the machine allows, as far as engines depend on it.
#[derive(Debug, Default)]
struct Machine {
    is_root: bool,
    user: String,
    has_newuidmap: bool,
    has_subuids: bool,
    /// `kernel.unprivileged_userns_clone`, where there is such a thing.
    userns_clone: Option<u64>,
    /// `user.max_user_namespaces`.
    max_user_namespaces: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, where there is such a thing.
    apparmor_restricts: Option<u64>,
}

/// Sends the canary into every engine, and looks at every skill.
pub(super) async fn skills(home: &Home, config: &SkillsConfig, environment: &Environment) -> Vec<Finding> {
    let (mut findings, count) = match installed(home, config, environment).await {
        Ok(found) => found,
        Err(stop) => return vec![Finding::fail("skills", stop.message)],
    };
    if config.engine == SandboxEngine::None {
        findings.insert(0, Finding::ok("sandbox", "skills.engine is none: no skill runs"));
        return findings;
    }
    let mut tried = Vec::new();
    for (engine, name) in ENGINES {
        match try_engine(home, config, environment, engine, name).await {
            Ok(one) => tried.push(one),
            Err(stop) => return vec![Finding::fail("sandbox", stop.message)],
        }
    }
    let machine = Machine::of(environment);
    findings.insert(0, judged(config.engine, &tried, count > 0, &machine));
    findings
}

/// What is wrong with the skills that are there, and how many there are.
async fn installed(
    home: &Home,
    config: &SkillsConfig,
    environment: &Environment,
) -> Result<(Vec<Finding>, usize), Stop> {
    const ABOUT: &str = "skills";
    let (skills, _runtime) = open(wire::skills::own_options(home, environment)?, config.clone())?;
    let cannot = |error: openclaw_core::port::SkillsError| Stop::because(Exit::Failure, &error);
    let listed = skills.list().await.map_err(cannot)?;
    let mut findings: Vec<Finding> = listed
        .iter()
        // No engine was tried: whoever is only waiting for one is well.
        .filter(|info| info.status != "disabled")
        .filter_map(|info| {
            let reason = info.reason.as_deref()?;
            let text = harmless(&format!("{} is {}: {reason}", info.name, info.status));
            let is_grave = info.status == "changed";
            Some(if is_grave { Finding::fail(ABOUT, text) } else { Finding::warn(ABOUT, text) })
        })
        .collect();
    // A damaged lock is told even when nothing is installed.
    if let Err(error) = skills.audit().await {
        findings.push(Finding::fail(ABOUT, harmless(&cannot(error).message)));
    }
    if findings.is_empty() {
        let text = match listed.len() {
            0 => "none is installed".to_owned(),
            1 => "one, as it was installed".to_owned(),
            count => format!("{count}, all as they were installed"),
        };
        findings.push(Finding::ok(ABOUT, text));
    }
    Ok((findings, listed.len()))
}

async fn try_engine(
    home: &Home,
    config: &SkillsConfig,
    environment: &Environment,
    engine: SandboxEngine,
    name: &'static str,
) -> Result<Tried, Stop> {
    let mut options = wire::skills::own_options(home, environment)?;
    // Nothing is to run but the canary.
    options.dir = options.runtime_dir.join("no-skills");
    let (skills, _runtime) = open(options, SkillsConfig { engine, ..config.clone() })?;
    skills.start().await;
    let sandbox = skills.sandbox();
    skills.close().await;
    let works = (sandbox.engine != "none").then_some(sandbox.rootless);
    Ok(Tried { engine, name, works, problem: harmless(&sandbox.problems.join("; ")) })
}

/// One finding: what runs skills, and below it what is wrong with the others.
fn judged(wanted: SandboxEngine, tried: &[Tried], has_skills: bool, machine: &Machine) -> Finding {
    const ABOUT: &str = "sandbox";
    let is_wanted = |tried: &&Tried| wanted == SandboxEngine::Auto || tried.engine == wanted;
    let used = tried.iter().filter(is_wanted).find(|tried| tried.works.is_some());
    let working = tried.iter().filter(|tried| tried.works.is_some());
    let others: Vec<&str> = working.map(|tried| tried.name).collect();
    let mut text = match used {
        Some(used) => {
            let rights = if used.works == Some(true) { "without root's rights" } else { "as root" };
            format!("{} runs skills, {rights}; what tried to get out of it did not", used.name)
        }
        None if wanted == SandboxEngine::Auto => {
            "no sandbox engine works here: skills stay disabled, everything else goes on".to_owned()
        }
        None => {
            let name = ENGINES.iter().find(|(engine, _)| *engine == wanted).map_or("none", |(_, name)| name);
            let other = match others.as_slice() {
                [] => String::new(),
                others => format!("; what works is {}: skills.engine chooses", others.join(", ")),
            };
            format!("skills.engine is {name}, which does not work here: skills stay disabled{other}")
        }
    };
    for tried in tried {
        match tried.works {
            Some(_) if used.is_some_and(|used| used.engine != tried.engine) => {
                text.push_str(&format!("\n{} works, too", tried.name));
            }
            Some(_) => {}
            None => {
                text.push_str(&format!("\n{}", tried.problem));
                if let Some(advice) = advice(tried, machine) {
                    text.push_str(&format!("\n  → {advice}"));
                }
            }
        }
    }
    if used.is_none() {
        text.push_str(
            "\na running gateway tries again within half an hour, and at once when its configuration changes",
        );
    }
    match used {
        Some(_) => Finding::ok(ABOUT, text),
        None if has_skills => Finding::fail(ABOUT, text),
        None => Finding::warn(ABOUT, text),
    }
}

/// What to do about an engine that does not work.
fn advice(tried: &Tried, machine: &Machine) -> Option<String> {
    let is_absent = tried.problem.contains("is not installed");
    match tried.engine {
        SandboxEngine::Podman if is_absent => Some("install podman and uidmap".to_owned()),
        SandboxEngine::Podman if machine.is_root => Some("podman info says what it lacks".to_owned()),
        SandboxEngine::Podman if !machine.has_newuidmap => {
            Some("install uidmap: podman needs newuidmap and newgidmap".to_owned())
        }
        SandboxEngine::Podman if !machine.has_subuids => Some(format!(
            "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}; then: podman system migrate",
            machine.user
        )),
        SandboxEngine::Podman => {
            Some(machine.namespaces().unwrap_or_else(|| "podman info says what it lacks".to_owned()))
        }
        // Nobody has to have it.
        SandboxEngine::Docker if is_absent => None,
        SandboxEngine::Docker if tried.problem.contains("runs as root") => {
            Some("dockerd-rootless-setuptool.sh install makes it run without root's rights".to_owned())
        }
        SandboxEngine::Namespace => Some(machine.namespaces().unwrap_or_else(|| {
            "in a container, that has to allow user namespaces and mounts, and to hide nothing of /proc (such as --security-opt seccomp=unconfined and \
             systempaths=unconfined)"
                .to_owned()
        })),
        _ => None,
    }
}

impl Machine {
    fn of(environment: &Environment) -> Self {
        let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse().ok();
        let uid = rustix::process::getuid().as_raw().to_string();
        let user = ["USER", "LOGNAME"].iter().find_map(|name| environment.non_empty(name));
        let user = user.unwrap_or(&uid).to_owned();
        let path = environment.non_empty("PATH").unwrap_or_default();
        let has_newuidmap = path.split(':').any(|folder| Path::new(folder).join("newuidmap").is_file());
        let subuids = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
        let is_own = |line: &str| line.split(':').next().is_some_and(|name| name == user || name == uid);
        Self {
            is_root: rustix::process::geteuid().is_root(),
            has_newuidmap,
            has_subuids: subuids.lines().any(is_own),
            userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            user,
        }
    }

    /// What keeps a user from making namespaces.
    fn namespaces(&self) -> Option<String> {
        if self.max_user_namespaces == Some(0) {
            return Some("sysctl user.max_user_namespaces=15000".to_owned());
        }
        if self.is_root {
            return None;
        }
        if self.userns_clone == Some(0) {
            return Some("sysctl kernel.unprivileged_userns_clone=1".to_owned());
        }
        if self.apparmor_restricts == Some(1) {
            let text = "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or give the gateway an AppArmor profile with `userns,`";
            return Some(text.to_owned());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn tried(works: [Option<bool>; 3]) -> Vec<Tried> {
        let problems = [
            "podman is not installed (looked in PATH)",
            "docker runs as root here, and skills.rootless is true: use rootless docker",
            "namespace is not used: a sandbox could not be made: sandbox: can't make namespaces",
        ];
        let all = ENGINES.into_iter().zip(works).zip(problems);
        all.map(|(((engine, name), works), problem)| Tried {
            engine,
            name,
            works,
            problem: if works.is_some() { String::new() } else { problem.to_owned() },
        })
        .collect()
    }

    fn user() -> Machine {
        Machine { user: "me".to_owned(), has_newuidmap: true, has_subuids: true, ..Machine::default() }
    }

    #[test]
    fn what_works_is_named_first_and_what_to_do_about_the_rest_below() {
        let found = judged(SandboxEngine::Auto, &tried([None, None, Some(true)]), true, &user());
        assert_eq!(found.verdict, Verdict::Ok);
        let lines: Vec<&str> = found.text.lines().collect();
        assert!(lines[0].starts_with("namespace runs skills, without root's rights"), "{lines:?}");
        assert_eq!(lines[2], "  → install podman and uidmap");
        assert!(lines[4].contains("dockerd-rootless-setuptool.sh"), "{lines:?}");
        let both = judged(SandboxEngine::Auto, &tried([Some(true), None, Some(true)]), true, &user());
        assert!(
            both.text.starts_with("podman runs") && both.text.ends_with("\nnamespace works, too"),
            "{both}"
        );
    }

    #[test]
    fn without_an_engine_it_fails_only_when_there_is_something_to_run() {
        for (has_skills, verdict) in [(true, Verdict::Fail), (false, Verdict::Warn)] {
            let found = judged(SandboxEngine::Auto, &tried([None, None, None]), has_skills, &user());
            assert_eq!(found.verdict, verdict);
            assert!(found.text.starts_with("no sandbox engine works here"), "{found}");
        }
        let other = judged(SandboxEngine::Docker, &tried([None, None, Some(true)]), true, &user());
        assert_eq!(other.verdict, Verdict::Fail);
        assert!(
            other.text.contains("skills.engine is docker") && other.text.contains("works is namespace"),
            "{other}"
        );
    }

    #[test]
    fn advice_follows_from_what_the_machine_forbids() {
        let broken = &tried([None, None, None])[2];
        for (machine, words) in [
            (Machine { userns_clone: Some(0), ..user() }, "kernel.unprivileged_userns_clone=1"),
            (Machine { max_user_namespaces: Some(0), ..user() }, "user.max_user_namespaces"),
            (Machine { apparmor_restricts: Some(1), ..user() }, "AppArmor"),
            (Machine { apparmor_restricts: Some(1), is_root: true, ..user() }, "in a container"),
        ] {
            assert!(advice(broken, &machine).unwrap().contains(words), "{words}");
        }
        let podman = Tried { problem: "podman is not used: x".to_owned(), ..tried([None; 3]).remove(0) };
        for (machine, words) in [
            (Machine { has_newuidmap: false, ..user() }, "uidmap"),
            (Machine { has_subuids: false, ..user() }, "--add-subgids 100000-165535 me"),
            (user(), "podman info"),
        ] {
            assert!(advice(&podman, &machine).unwrap().contains(words), "{words}");
        }
    }
}
