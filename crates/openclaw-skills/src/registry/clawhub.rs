//! ClawHub's HTTP protocol, as far as installing needs it.

use std::{collections::BTreeMap, sync::Arc};

use reqwest::Url;
use serde::Deserialize;

use super::{
    Client, Found, RegistryError, Release,
    address::{below, may_lead},
    client::{JSON_BYTES, Reply, shown},
    release::{Digest, Place},
};
use crate::name::{check_name, check_version};

/// Where a host says where its ClawHub is.
const WELL_KNOWN: [&str; 2] = [".well-known", "clawhub.json"];

/// Longest name of a publisher that is kept.
const HANDLE_BYTES: usize = 256;

/// A registry that speaks ClawHub's protocol.
#[derive(Debug)]
pub(super) struct ClawHub {
    client: Arc<Client>,
    /// What all paths are below, `…/api/v1`.
    api: Url,
    /// How it is called in messages and in `skills.lock`: as it was configured.
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovery {
    api_base: Option<String>,
    registry: Option<String>,
}

#[derive(Deserialize)]
struct SearchAnswer {
    results: Vec<Hit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hit {
    slug: Option<String>,
    display_name: Option<String>,
    summary: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SkillAnswer {
    skill: Option<Skill>,
    latest_version: Option<Latest>,
    owner: Option<Owner>,
    moderation: Option<Moderation>,
}

#[derive(Deserialize)]
struct Skill {
    slug: String,
}

#[derive(Deserialize)]
struct Owner {
    handle: Option<String>,
}

#[derive(Deserialize)]
struct Latest {
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moderation {
    #[serde(default)]
    is_suspicious: bool,
    #[serde(default)]
    is_malware_blocked: bool,
    verdict: Option<String>,
}

#[derive(Deserialize)]
struct VersionAnswer {
    version: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    files: Vec<Listed>,
    security: Option<Security>,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    sha256: String,
}

#[derive(Deserialize)]
struct Security {
    status: Option<String>,
}

/// The address of the interface that a host names; `None`: it names none.
pub(super) async fn discover(client: &Client, base: &Url) -> Result<Option<Url>, RegistryError> {
    let reply = client.get(&below(base, &WELL_KNOWN), JSON_BYTES).await?;
    if !reply.is_good() {
        return Ok(None);
    }
    // A host may answer everything with a page.
    let Ok(Discovery { api_base, registry }) = reply.json() else { return Ok(None) };
    let Some(text) = api_base.or(registry) else { return Ok(None) };
    let wrong =
        || RegistryError::Answer { what: reply.url.clone(), reason: "its apiBase is no address".to_owned() };
    let api = base.join(&text).map_err(|_| wrong())?;
    if may_lead(base, &api) {
        Ok(Some(api))
    } else {
        Err(RegistryError::Redirect { url: reply.url.clone(), to: shown(&api) })
    }
}

impl ClawHub {
    /// The registry configured as `base` whose interface is at `api`, with or without `/api/v1`.
    pub(super) fn new(client: Arc<Client>, base: &Url, api: &Url) -> Result<Self, RegistryError> {
        let has_path = api.path().trim_end_matches('/').ends_with("/api/v1");
        let api = if has_path { below(api, &[]) } else { below(api, &["api", "v1"]) };
        Ok(Self { client, api, name: shown(base) })
    }

    pub(super) async fn search(&self, query: &str, limit: usize) -> Result<Vec<Found>, RegistryError> {
        let mut url = below(&self.api, &["search"]);
        url.query_pairs_mut().append_pair("q", query).append_pair("limit", &limit.to_string());
        let reply = self.client.get(&url, JSON_BYTES).await?;
        self.expect_good(&reply)?;
        let answer: SearchAnswer = reply.json()?;
        let found = answer.results.into_iter().filter_map(|hit| {
            let name = hit.slug.filter(|slug| check_name(slug).is_ok())?;
            let description = hit.summary.or(hit.display_name).unwrap_or_default();
            Some(Found { name, version: hit.version, description, source: self.name.clone() })
        });
        Ok(found.take(limit).collect())
    }

    pub(super) async fn release(&self, name: &str, version: Option<&str>) -> Result<Release, RegistryError> {
        let reply = self.ask(name, &["skills", name]).await?;
        let Some(reply) = reply else { return Err(self.not_found(name)) };
        let answer: SkillAnswer = reply.json()?;
        let skill = answer.skill.ok_or_else(|| self.not_found(name))?;
        if skill.slug != name {
            let reason = format!(
                "skill `{name}` is called `{}` now: install it by that name",
                skill.slug.escape_debug()
            );
            return Err(RegistryError::Answer { what: self.name.clone(), reason });
        }
        let mut is_suspicious = false;
        if let Some(moderation) = answer.moderation {
            let verdict = moderation.verdict.as_deref();
            if moderation.is_malware_blocked || verdict == Some("malicious") {
                return Err(self.malware(name));
            }
            is_suspicious = moderation.is_suspicious || verdict == Some("suspicious");
        }
        let latest = answer.latest_version.map(|latest| latest.version);
        let version = version
            .map(str::to_owned)
            .or(latest)
            .ok_or_else(|| self.senseless(format!("skill `{name}` has no version that can be downloaded")))?;
        check_version(&version)
            .map_err(|_| self.senseless(format!("`{}` is no version of `{name}`", version.escape_debug())))?;
        let found = self.version(name, &version).await?;
        match found.security.and_then(|security| security.status).as_deref() {
            Some("malicious") => return Err(self.malware(name)),
            Some("suspicious") => is_suspicious = true,
            _ => {}
        }
        let files: BTreeMap<_, _> =
            found.files.into_iter().map(|file| (file.path, file.sha256.to_ascii_lowercase())).collect();
        if files.is_empty() {
            let reason =
                format!("it lists no files of `{name}` {version}, so that its archive can't be checked");
            return Err(self.senseless(reason));
        }
        let mut url = below(&self.api, &["download"]);
        url.query_pairs_mut().append_pair("slug", name).append_pair("version", &version);
        Ok(Release {
            name: name.to_owned(),
            version,
            source: self.name.clone(),
            publisher: answer
                .owner
                .and_then(|owner| owner.handle)
                .filter(|handle| handle.len() <= HANDLE_BYTES),
            is_suspicious,
            image_digest: None,
            signature: None,
            digest: Digest::Files(files),
            place: Place::Web(url),
        })
    }

    async fn version(&self, name: &str, version: &str) -> Result<Version, RegistryError> {
        let reply = self.ask(name, &["skills", name, "versions", version]).await?;
        let missing = || RegistryError::NoVersion {
            name: name.to_owned(),
            version: version.to_owned(),
            registry: self.name.clone(),
        };
        let answer: VersionAnswer = reply.ok_or_else(missing)?.json()?;
        let found = answer.version.ok_or_else(missing)?;
        if found.version == version {
            Ok(found)
        } else {
            Err(self.senseless(format!(
                "asked for {version} of `{name}`, it speaks of {}",
                found.version.escape_debug()
            )))
        }
    }

    /// `None`: it is not there.
    async fn ask(&self, name: &str, path: &[&str]) -> Result<Option<Reply>, RegistryError> {
        let reply = self.client.get(&below(&self.api, path), JSON_BYTES).await?;
        match reply.status {
            404 => Ok(None),
            401 | 403 | 409 | 410 | 423 => {
                let (name, registry, status) = (name.to_owned(), self.name.clone(), reply.status);
                Err(RegistryError::Denied { name, registry, status, words: reply.words() })
            }
            _ => {
                self.expect_good(&reply)?;
                Ok(Some(reply))
            }
        }
    }

    fn expect_good(&self, reply: &Reply) -> Result<(), RegistryError> {
        if reply.is_good() {
            return Ok(());
        }
        let reason = format!("{} answers with status {}; is it a skill registry?", reply.url, reply.status);
        Err(self.senseless(reason))
    }

    fn senseless(&self, reason: String) -> RegistryError {
        RegistryError::Answer { what: self.name.clone(), reason }
    }

    fn not_found(&self, name: &str) -> RegistryError {
        RegistryError::NotFound { name: name.to_owned(), registry: self.name.clone() }
    }

    fn malware(&self, name: &str) -> RegistryError {
        RegistryError::Malware { name: name.to_owned(), registry: self.name.clone() }
    }
}
