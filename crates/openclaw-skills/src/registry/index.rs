//! `index.json`: the table of contents of a tree. `docs/formats.md` describes it.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::Deserialize;

use super::{Client, Found, RegistryError, client::JSON_BYTES, version::newest};
use crate::{
    archive::check_path,
    name::{check_name, check_version},
};

/// The version this program reads.
const VERSION: u32 = 1;

/// The table of contents of a tree.
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    skills: BTreeMap<String, Skill>,
}

#[derive(Debug, Deserialize)]
struct Skill {
    #[serde(default)]
    description: String,
    versions: BTreeMap<String, Version>,
}

/// One version of a skill. Members that are not known are passed over.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Version {
    /// Where its archive lies, relative to the index.
    pub(super) archive: String,
    pub(super) sha256: String,
    #[serde(default)]
    pub(super) size: Option<u64>,
    #[serde(default)]
    pub(super) signature: Option<String>,
    #[serde(default)]
    pub(super) image_digest: Option<String>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Index {
    /// Reads an index; `what` names it in errors.
    pub(super) fn parse(bytes: &[u8], what: &str) -> Result<Self, RegistryError> {
        let wrong = |reason: String| RegistryError::Answer { what: what.to_owned(), reason };
        let json = |error: serde_json::Error| wrong(error.to_string());
        let Versioned { version } = serde_json::from_slice(bytes).map_err(json)?;
        if version != VERSION {
            return Err(wrong(format!(
                "it is of version {version}, and this gateway reads version {VERSION}"
            )));
        }
        serde_json::from_slice(bytes).map_err(json)
    }

    /// A version of a skill; the newest when none is named. The errors are the caller's: `None` once for the skill, once for
    /// the version.
    pub(super) fn find(&self, name: &str, version: Option<&str>) -> Option<Option<(String, Version)>> {
        let skill = self.skills.get(name)?;
        let version = version.or_else(|| newest(skill.versions.keys().map(String::as_str)))?;
        Some(skill.versions.get(version).map(|found| (version.to_owned(), found.clone())))
    }

    pub(super) fn search(&self, query: &str, source: &str) -> Vec<Found> {
        let found = self.skills.iter().filter(|(name, skill)| {
            check_name(name).is_ok() && matches_query(query, name, &skill.description)
        });
        let found = found.map(|(name, skill)| Found {
            name: name.clone(),
            version: newest(skill.versions.keys().map(String::as_str)).map(str::to_owned),
            description: skill.description.clone(),
            source: source.to_owned(),
        });
        let mut found: Vec<_> = found.collect();
        // Names that have the words before descriptions that do.
        openclaw_core::sort_by_key(&mut found, |skill| !matches_query(query, &skill.name, ""));
        found
    }
}

impl Version {
    /// What is wrong with what the index says of this version.
    pub(super) fn check(&self, version: &str) -> Result<(), String> {
        check_version(version).map_err(|error| error.to_string())?;
        check_path(&self.archive)
            .map_err(|reason| format!("the archive `{}`: {reason}", self.archive.escape_debug()))?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if self.sha256.len() != 64 || !self.sha256.bytes().all(is_hex) {
            return Err("its sha256 must be 64 lower-case hexadecimal digits".to_owned());
        }
        Ok(())
    }
}

/// Whether there is an index at this address. Many hosts answer everything with a page.
pub(super) async fn is_there(client: &Client, url: &Url) -> Result<bool, RegistryError> {
    let reply = client.get(url, JSON_BYTES).await?;
    Ok(reply.is_good() && reply.json::<Versioned>().is_ok())
}

/// Whether every word of the query is in the name or description, in whatever case.
pub(super) fn matches_query(query: &str, name: &str, description: &str) -> bool {
    let text = format!("{name} {description}").to_lowercase();
    query.to_lowercase().split_whitespace().all(|word| text.contains(word))
}
