//! The skills that come with the program.

use std::fmt;

use super::{Found, RegistryError, Release, index::matches_query};

/// The registry's name in `skills.lock` and in messages.
pub(super) const SOURCE: &str = "builtin";

/// A skill that is part of the host program.
#[derive(Clone, Copy)]
pub struct BuiltinSkill {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it does, as its `SKILL.md` says.
    pub description: &'static str,
    /// Its files, packed as registries offer them: `.tar.gz` or ZIP.
    pub archive: &'static [u8],
}

impl fmt::Debug for BuiltinSkill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltinSkill")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
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
