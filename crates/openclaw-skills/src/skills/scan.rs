//! From the directory to the catalog.

use std::{path::Path, sync::Arc};

use openclaw_core::{Permissions, SKILL_READ, Timestamp, ToolDefinition, config::SkillsConfig};
use serde_json::json;

use super::{Inner, Seen, hash_of};
use crate::{
    catalog::{Catalog, Entry, Skill, State},
    install::{self, denied},
    lock::Lock,
    manifest::Runtime,
    package::{self, Fingerprint, Found, Package, Shape, Source},
};

/// Where programs are looked for in a sandbox on the host's system directories.
const PATH: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

impl Inner {
    /// Looks again if anything has changed. Blocking.
    pub(super) fn refresh(&self) -> std::io::Result<()> {
        let fingerprint = Fingerprint::take(&self.dir);
        let config = Arc::clone(&self.config.borrow());
        {
            let seen = self.seen();
            let is_same = seen.fingerprint.as_ref() == Some(&fingerprint)
                && seen.config.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &config));
            if is_same {
                return Ok(());
            }
        }
        let catalog = Arc::new(self.scan(&fingerprint, &config)?);
        let mut seen = self.seen();
        seen.servers.retain(|name, (stamp, _)| catalog.has(name, *stamp));
        seen.fingerprint = Some(fingerprint);
        seen.config = Some(config);
        seen.catalog = catalog;
        self.offer(&mut seen);
        Ok(())
    }

    /// Whether a skill looks from outside as it did at the last look. Blocking.
    pub(super) fn is_as_seen(&self, skill: &str) -> bool {
        let config = Arc::clone(&self.config.borrow());
        let fingerprint = self.seen().fingerprint.clone();
        fingerprint.is_some_and(|seen| seen.has_still(&self.dir, skill))
            && self.seen().config.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &config))
    }

    /// Looks again, whatever the files look like from outside. Blocking.
    pub(super) fn refresh_anew(&self) -> std::io::Result<()> {
        self.seen().fingerprint = None;
        self.refresh()
    }

    fn scan(&self, fingerprint: &Fingerprint, config: &SkillsConfig) -> std::io::Result<Catalog> {
        let lock = Lock::read(&self.dir).map(Option::unwrap_or_default);
        let mut catalog = Catalog::default();
        for found in package::found(&self.dir)? {
            let stamp = fingerprint.of(&found.name);
            let entry = self.entry(found, &lock, stamp, config);
            if let Some(reason) = entry.state.reason() {
                tracing::debug!(skill = entry.name, reason, "a skill can't be used");
            }
            catalog.entries.insert(entry.name.clone(), entry);
        }
        Ok(catalog)
    }

    fn entry(
        &self,
        found: Found,
        lock: &Result<Lock, crate::lock::LockError>,
        stamp: u64,
        config: &SkillsConfig,
    ) -> Entry {
        let Found { name, source, root, package } = found;
        let written = std::fs::symlink_metadata(root.join("SKILL.md")).and_then(|file| file.modified());
        let mut entry = Entry {
            version: match &source {
                Source::Installed { version } => version.clone(),
                Source::Local => package.as_ref().map_or_else(
                    |_| crate::manifest::NO_VERSION.to_owned(),
                    |it| it.manifest.version.clone(),
                ),
            },
            name,
            description: String::new(),
            permissions: Permissions::default(),
            installed_at: written.map_or_else(|_| Timestamp::now(), Timestamp::from),
            is_local: source == Source::Local,
            state: State::Invalid(String::new()),
        };
        let package = match package {
            Ok(package) => package,
            Err(error) => {
                entry.state = State::Invalid(error.sentence());
                return entry;
            }
        };
        entry.description.clone_from(&package.manifest.description);
        let approved = match self.approved(&entry.name, &source, &package, lock) {
            Ok((approved, installed_at)) => {
                entry.installed_at = installed_at.unwrap_or(entry.installed_at);
                approved
            }
            Err(reason) => {
                entry.permissions = package.manifest.permissions;
                entry.state = State::Changed(reason);
                return entry;
            }
        };
        let mut granted = approved;
        granted.extend(config.granted(&entry.name).iter().cloned());
        entry.permissions.clone_from(&granted);
        let denied = denied(&granted, &config.policy.denied());
        if !denied.is_empty() {
            let list = denied.to_texts().join(", ");
            entry.state = State::Denied(format!(
                "skills.policy.deny forbids {list}: remove the skill, or change the policy"
            ));
        } else if let Some(missing) = missing(&package) {
            entry.state = State::Missing(missing);
        } else {
            // Secrets are compared, not kept: the number says no more than whether one is another.
            let variables: Vec<(&String, &str)> =
                config.env.iter().map(|(name, value)| (name, value.expose())).collect();
            let limits = &config.limits;
            let bounds = (limits.memory_mb, limits.processes, limits.timeout_seconds);
            let stamp = hash_of((stamp, granted.to_texts(), &package.root, variables, bounds));
            entry.state = State::Ready(Arc::new(Skill {
                name: entry.name.clone(),
                version: entry.version.clone(),
                package,
                is_local: source == Source::Local,
                granted,
                stamp,
            }));
        }
        entry
    }

    /// What was approved for a skill, and when it was installed; or why it is not what was installed.
    fn approved(
        &self,
        name: &str,
        source: &Source,
        package: &Package,
        lock: &Result<Lock, crate::lock::LockError>,
    ) -> Result<(Permissions, Option<Timestamp>), String> {
        if *source == Source::Local {
            // Whoever can put a folder there is the one who would be asked.
            return Ok((package.manifest.permissions.clone(), None));
        }
        let lock = lock.as_ref().map_err(ToString::to_string)?;
        let again = format!("`gateway skill install {name}` installs it again");
        match self.installer.state(name, lock) {
            Ok((install::State::Intact, Some(record))) => Ok((record.permissions, Some(record.installed_at))),
            Ok((install::State::Changed(differences), _)) => Err(format!(
                "its files are not what was installed ({}): {again}",
                install::list(&differences)
            )),
            Ok(_) => Err(format!("skills.lock does not know it: {again}")),
            Err(error) => Err(format!("{error}: {again}")),
        }
    }

    /// Whether an installed skill's files are still what was installed; cheap when nothing was touched. Blocking.
    pub(super) fn is_intact(&self, skill: &Skill) -> bool {
        if skill.is_local {
            return true;
        }
        let lock = Lock::read(&self.dir).map(Option::unwrap_or_default);
        let state = lock.ok().and_then(|lock| self.installer.state(&skill.name, &lock).ok());
        matches!(state, Some((install::State::Intact, _)))
    }

    /// Works out what is offered to models.
    pub(super) fn offer(&self, seen: &mut Seen) {
        let has_engine = self.selection.borrow().as_ref().is_some_and(|selection| selection.engine.is_some());
        let mut definitions = Vec::new();
        if has_engine {
            let skills = || seen.catalog.all_ready().filter(|skill| skill.package.manifest.for_model);
            for skill in skills() {
                match &skill.package.shape {
                    Shape::Entry(_) => definitions.push(tool_of(skill)),
                    Shape::Mcp(_) => {
                        if let Some((_, Ok(tools))) = seen.servers.get(&skill.name) {
                            definitions.extend(tools.iter().map(|tool| tool.definition(&skill.name)));
                        }
                    }
                    Shape::Instructions => {}
                }
            }
            definitions.extend(read_tool(skills()));
        }
        seen.definitions = Arc::new(definitions);
    }
}

fn tool_of(skill: &Skill) -> ToolDefinition {
    let manifest = &skill.package.manifest;
    let mut description = manifest.description.clone();
    if !manifest.triggers.is_empty() {
        description.push_str(&format!(" Meant when the user speaks of: {}.", manifest.triggers.join(", ")));
    }
    ToolDefinition { name: skill.name.clone(), description, parameters: manifest.tool_schema() }
}

/// Skills that are instructions are offered by name and description; the text is read when it is wanted.
fn read_tool<'a>(skills: impl Iterator<Item = &'a Arc<Skill>>) -> Option<ToolDefinition> {
    let all: Vec<_> = skills.filter(|skill| skill.package.shape == Shape::Instructions).collect();
    if all.is_empty() {
        return None;
    }
    let names: Vec<&str> = all.iter().map(|skill| skill.name.as_str()).collect();
    let lines: Vec<String> =
        all.iter().map(|skill| format!("- {}: {}", skill.name, skill.package.manifest.description)).collect();
    Some(ToolDefinition {
        name: SKILL_READ.to_owned(),
        description: format!(
            "Read instructions for a kind of work before doing it, whenever one of these fits:\n{}",
            lines.join("\n")
        ),
        parameters: json!({
            "type": "object",
            "properties": {
                "skill": {"type": "string", "enum": names, "description": "Which instructions"},
                "path": {
                    "type": "string",
                    "description": "A file that the instructions refer to; without it, the instructions themselves"
                }
            },
            "required": ["skill"],
            "additionalProperties": false
        }),
    })
}

/// What a skill needs and the system directories don't have.
fn missing(package: &Package) -> Option<String> {
    let manifest = &package.manifest;
    if manifest.runtime != Runtime::Host {
        return None;
    }
    let is_there = |program: &str| PATH.iter().any(|folder| Path::new(folder).join(program).exists());
    let argv = match &package.shape {
        Shape::Entry(argv) | Shape::Mcp(argv) => argv.first(),
        Shape::Instructions => None,
    };
    let interpreter = argv.filter(|program| !program.contains('/'));
    let mut absent: Vec<&str> = interpreter
        .into_iter()
        .chain(&manifest.needs_programs)
        .map(String::as_str)
        .filter(|program| !is_there(program))
        .collect();
    let any = &manifest.needs_any_program;
    if !any.is_empty() && !any.iter().any(|program| is_there(program)) {
        absent.extend(any.iter().map(String::as_str));
    }
    let list = absent.iter().map(|program| format!("`{program}`")).collect::<Vec<_>>().join(", ");
    (!absent.is_empty()).then(|| format!("it needs {list}, not found in {}: install that", PATH.join(", ")))
}
