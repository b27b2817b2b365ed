//! The skills that come with the program.

use super::{Found, RegistryError, Release, index::matches_query};

/// The registry's name in `skills.lock` and in messages.
pub(super) const SOURCE: &str = "builtin";

/// A skill that is part of the host program.
#[derive(Debug)]
pub struct BuiltinSkill {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it does, as its `SKILL.md` says.
    pub description: &'static str,
    /// Its files; one is `SKILL.md`.
    pub files: &'static [BuiltinFile],
}

/// A file of a [`BuiltinSkill`].
#[derive(Debug)]
pub struct BuiltinFile {
    /// Where it lies in the skill's folder, `/` between the parts.
    pub path: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
    /// Whether it can be run.
    pub executable: bool,
}

pub(super) fn search(skills: &'static [BuiltinSkill], query: &str) -> Vec<Found> {
    let found = skills.iter().filter(|skill| matches_query(query, skill.name, skill.description));
    let found = found.map(|skill| Found {
        name: skill.name.to_owned(),
        version: Some(skill.version.to_owned()),
        description: skill.description.to_owned(),
        source: SOURCE.to_owned(),
    });
    found.collect()
}

/// `None`: no skill of the program has this name.
pub(super) fn release(
    skills: &'static [BuiltinSkill],
    name: &str,
    version: Option<&str>,
) -> Option<Result<Release, RegistryError>> {
    let skill = skills.iter().find(|skill| skill.name == name)?;
    Some(match version {
        Some(version) if version != skill.version => Err(RegistryError::NoVersion {
            name: name.to_owned(),
            version: version.to_owned(),
            registry: "this gateway".to_owned(),
        }),
        _ => Ok(Release::builtin(skill)),
    })
}
