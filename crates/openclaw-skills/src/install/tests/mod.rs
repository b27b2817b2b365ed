mod crash;
mod moved;
mod policy;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    sync::Arc,
};

use openclaw_core::{Permissions, config::SkillsConfig, port::SkillsError};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    archive::build::{tar_gz_of, zip_of},
    lock::{Difference, sha256_hex},
    registry::{BuiltinSkill, Client},
};

fn builtin() -> &'static [BuiltinSkill] {
    let files = [
        ("SKILL.md", "---\nname: shell\nversion: 1.0.0\npermissions: shell, env:HOME\n---\n"),
        ("run.sh", "#!/bin/sh\n"),
    ];
    let archive = tar_gz_of(&files).leak();
    vec![BuiltinSkill { name: "shell", version: "1.0.0", description: "Runs programs", archive }].leak()
}

/// Reads a head as these tests write it.
fn read(root: &Path, _: &str) -> Result<Declared, String> {
    let text = fs::read_to_string(root.join("SKILL.md")).map_err(|error| error.to_string())?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned)
    };
    let permissions = field("permissions").unwrap_or_default();
    let permissions = permissions.split(", ").filter(|text| !text.is_empty()).map(str::parse);
    Ok(Declared {
        name: field("name").ok_or("it has no name")?,
        version: field("version"),
        permissions: permissions
            .collect::<Result<_, _>>()
            .map_err(|error: openclaw_core::InvalidPermission| error.to_string())?,
    })
}

fn permissions(texts: &[&str]) -> Permissions {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A directory of skills, and a local registry to install them from.
struct Place {
    dir: TempDir,
    installer: Installer,
    registry: Registry,
    offered: BTreeMap<String, serde_json::Value>,
    config: SkillsConfig,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = dir.path().join("registry");
        fs::create_dir(&registry).unwrap();
        Self {
            installer: Installer::new(dir.path().join("skills"), read),
            registry: Registry::open(registry.to_str(), builtin(), &Arc::new(Client::default())).unwrap(),
            dir,
            offered: BTreeMap::new(),
            config: SkillsConfig::default(),
        }
    }

    fn guard(&self) -> Guard {
        fs::create_dir_all(self.skills()).unwrap();
        Guard::try_take(&self.skills()).unwrap().unwrap()
    }

    fn skills(&self) -> std::path::PathBuf {
        self.dir.path().join("skills")
    }

    /// Offers a version of `weather` with these permissions.
    fn offer(&mut self, version: &str, wanted: &str) {
        let head = format!("---\nname: weather\nversion: {version}\npermissions: {wanted}\n---\n");
        self.offer_archive(version, &tar_gz_of(&[("SKILL.md", &head), ("lib/version.txt", version)]));
    }

    fn offer_archive(&mut self, version: &str, archive: &[u8]) {
        let path = format!("weather-{version}.archive");
        fs::write(self.dir.path().join("registry").join(&path), archive).unwrap();
        let entry = json!({"archive": path, "sha256": sha256_hex(archive), "image_digest": "sha256:ab"});
        self.offered.insert(version.to_owned(), entry);
        self.publish();
    }

    fn publish(&self) {
        let index = json!({"version": 1, "skills": {"weather": {"versions": self.offered}}});
        fs::write(self.dir.path().join("registry/index.json"), index.to_string()).unwrap();
    }

    async fn install(&self, version: Option<&str>) -> Result<Installed, InstallError> {
        let (name, version) = ("weather".to_owned(), version.map(str::to_owned));
        let request = Request { name, version, ..Request::default() };
        self.installer.install(&self.registry, request, &self.config).await
    }

    async fn refusal(&self, version: Option<&str>) -> String {
        let error = self.install(version).await.expect_err("it was installed");
        let error = SkillsError::from(error);
        assert!(matches!(error, SkillsError::Refused { .. }), "{error:?}");
        error.to_string()
    }

    /// The version in force, and whether its files are right; nothing else lies about.
    fn in_force(&self) -> Option<String> {
        let audit = self.installer.audit().unwrap();
        for entry in fs::read_dir(self.skills()).into_iter().flatten() {
            let name = entry.unwrap().file_name();
            assert!(
                ["weather", "shell", "skills.lock", ".lock"].contains(&name.to_str().unwrap()),
                "{name:?}"
            );
        }
        let line = audit.into_iter().find(|line| line.name == "weather")?;
        assert_eq!(line.state, State::Intact);
        let version = line.version.unwrap();
        let root = self.skills().join("weather").join(&version);
        assert_eq!(fs::read_to_string(root.join("lib/version.txt")).unwrap(), version);
        let folders = layout::versions(&self.skills(), "weather").unwrap();
        let mut known: Vec<_> = [&version].into_iter().chain(&line.earlier).cloned().collect();
        known.sort();
        assert_eq!(folders, known);
        Some(version)
    }
}

#[tokio::test]
async fn a_skill_is_installed_updated_and_brought_back() {
    let mut place = Place::new();
    assert_eq!(place.installer.audit().unwrap(), []);
    place.installer.sweep().unwrap();
    assert!(!place.skills().exists());
    place.offer("1.0.0", "");
    let Installed::New { record, previous } = place.install(None).await.unwrap() else { panic!("not new") };
    assert_eq!((record.version.as_str(), previous), ("1.0.0", None));
    assert_eq!(record.files.keys().collect::<Vec<_>>(), ["SKILL.md", "lib/version.txt"]);
    assert_eq!(record.source, place.dir.path().join("registry").display().to_string());
    assert_eq!(record.image_digest.as_deref(), Some("sha256:ab"));
    assert_eq!(place.install(None).await.unwrap(), Installed::Unchanged(record.clone()));
    assert_eq!(place.install(Some("1.0.0")).await.unwrap(), Installed::Unchanged(record));
    for version in ["1.1.0", "1.2.0", "1.3.0", "1.4.0"] {
        place.offer(version, "");
        assert!(matches!(place.install(None).await.unwrap(), Installed::New { previous: Some(_), .. }));
        assert_eq!(place.in_force().as_deref(), Some(version));
    }
    // Three to go back to.
    assert_eq!(place.installer.audit().unwrap()[0].earlier, ["1.3.0", "1.2.0", "1.1.0"]);
    assert_eq!(place.installer.rollback("weather", place.guard()).unwrap().version, "1.3.0");
    assert_eq!(place.in_force().as_deref(), Some("1.3.0"));
    assert_eq!(place.installer.rollback("weather", place.guard()).unwrap().version, "1.2.0");
    // One that was gone back from, and one that is older.
    place.install(Some("1.4.0")).await.unwrap();
    place.install(Some("1.1.0")).await.unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.1.0"));
    assert_eq!(place.installer.audit().unwrap()[0].earlier, ["1.4.0", "1.2.0"]);
    assert_eq!(place.installer.remove("weather", place.guard()).unwrap().as_deref(), Some("1.1.0"));
    assert_eq!(place.in_force(), None);
    assert!(!place.skills().join("weather").exists());
    for result in [
        place.installer.remove("weather", place.guard()).map(|_| ()),
        place.installer.rollback("weather", place.guard()).map(|_| ()),
    ] {
        assert!(matches!(SkillsError::from(result.unwrap_err()), SkillsError::NotFound { .. }));
    }
    place.install(Some("1.0.0")).await.unwrap();
    let error = SkillsError::from(place.installer.rollback("weather", place.guard()).unwrap_err());
    assert!(error.to_string().contains("no earlier version"), "{error}");
}

#[tokio::test]
async fn names_versions_and_what_is_not_there() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    for (name, version, field) in [("../x", None, "name"), ("weather", Some("../1"), "version")] {
        let request =
            Request { name: name.to_owned(), version: version.map(str::to_owned), ..Request::default() };
        let error = place.installer.install(&place.registry, request, &place.config).await.unwrap_err();
        assert!(
            matches!(SkillsError::from(error), SkillsError::Invalid { field: found, .. } if found == field)
        );
    }
    let error = SkillsError::from(place.install(Some("2.0.0")).await.unwrap_err());
    assert!(matches!(&error, SkillsError::NotFound { name, .. } if name == "weather"), "{error:?}");
    fs::remove_file(place.dir.path().join("registry/index.json")).unwrap();
    let error = SkillsError::from(place.install(None).await.unwrap_err());
    assert!(matches!(&error, SkillsError::Unavailable { .. }), "{error:?}");
    assert!(!place.skills().exists(), "nothing was written");
}

#[tokio::test]
async fn what_is_in_the_archive_must_be_what_was_asked_for() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    place.install(None).await.unwrap();
    let head = |name: &str, version: &str| format!("---\nname: {name}\n{version}\n---\n");
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("calls it `rain`", zip_of(&[("SKILL.md", &head("rain", ""))])),
        ("says that it is version 1.0.0", zip_of(&[("SKILL.md", &head("weather", "version: 1.0.0"))])),
        ("it has no name", zip_of(&[("SKILL.md", "text")])),
        ("has no SKILL.md", zip_of(&[("README.md", "text")])),
        ("has no SKILL.md", zip_of(&[("a/b/SKILL.md", "text")])),
        (
            "can't be unpacked: the archive's entry `../SKILL.md` is refused",
            zip_of(&[("../SKILL.md", "text")]),
        ),
        ("neither a ZIP", b"<html>".to_vec()),
    ];
    for (reason, archive) in table {
        place.offer_archive("2.0.0", &archive);
        let error = place.refusal(None).await;
        assert!(error.contains(reason), "{reason}: {error}");
        assert_eq!(place.in_force().as_deref(), Some("1.0.0"));
    }
    place.offered.get_mut("2.0.0").unwrap()["sha256"] = json!(sha256_hex(b"other"));
    place.publish();
    assert!(place.refusal(None).await.contains("SHA-256"));
    place.config.policy.require_signature = true;
    place.offer("2.0.0", "");
    assert!(place.refusal(None).await.contains("signature"));
    place.config.policy.require_signature = false;
    // Without a version of its own it has the registry's; a folder around it is left out.
    let inner = head("weather", "");
    place.offer_archive(
        "2.0.0",
        &zip_of(&[("weather-2/SKILL.md", &inner), ("weather-2/lib/version.txt", "2.0.0")]),
    );
    place.install(None).await.unwrap();
    assert_eq!(place.in_force().as_deref(), Some("2.0.0"));
}

#[tokio::test]
async fn a_registry_that_hides_updates_is_noticed() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    place.offer("2.0.0", "");
    place.install(None).await.unwrap();
    place.offered.remove("2.0.0");
    place.publish();
    assert!(place.refusal(None).await.contains("older than 2.0.0"));
    place.install(Some("1.0.0")).await.unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.0.0"));
}

#[tokio::test]
async fn a_skill_of_ones_own_is_never_replaced() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    let folder = place.skills().join("weather");
    fs::create_dir_all(&folder).unwrap();
    for manifest in ["skill.md", "SKILL.md"] {
        fs::write(folder.join(manifest), "mine").unwrap();
        assert!(place.refusal(None).await.contains("skill of your own"));
        assert_eq!(fs::read_to_string(folder.join(manifest)).unwrap(), "mine");
        fs::remove_file(folder.join(manifest)).unwrap();
    }
    fs::write(folder.join("SKILL.md"), "mine").unwrap();
    assert_eq!(place.installer.audit().unwrap(), []);
    // Not even with a damaged lock is it kept from being removed.
    fs::write(place.skills().join("skills.lock"), "{").unwrap();
    assert_eq!(place.installer.remove("weather", place.guard()).unwrap(), None);
    fs::remove_file(place.skills().join("skills.lock")).unwrap();
    let elsewhere = place.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    assert!(place.refusal(None).await.contains("skill of your own"));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[tokio::test]
async fn a_changed_file_is_found_and_mended() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    place.offer("1.1.0", "");
    place.install(Some("1.0.0")).await.unwrap();
    place.install(None).await.unwrap();
    let weather = place.skills().join("weather");
    fs::write(weather.join("1.1.0/lib/version.txt"), "evil!").unwrap();
    fs::write(weather.join("1.1.0/more"), "").unwrap();
    let line = &place.installer.audit().unwrap()[0];
    let expected = [Difference::Changed("lib/version.txt".to_owned()), Difference::Added("more".to_owned())];
    assert_eq!(line.state, State::Changed(expected.to_vec()));
    let installed = place.install(None).await.unwrap();
    assert!(matches!(installed, Installed::New { previous: Some(previous), .. } if previous == "1.1.0"));
    assert_eq!(place.in_force().as_deref(), Some("1.1.0"));
    fs::remove_dir_all(weather.join("1.1.0")).unwrap();
    assert_eq!(place.installer.audit().unwrap()[0].state, State::Missing);
    place.installer.sweep().unwrap();
    place.install(None).await.unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.1.0"));
    // Nobody goes back to what was changed.
    fs::set_permissions(weather.join("1.0.0/SKILL.md"), fs::Permissions::from_mode(0o755)).unwrap();
    let error = SkillsError::from(place.installer.rollback("weather", place.guard()).unwrap_err());
    assert!(error.to_string().contains("changed: SKILL.md"), "{error}");
    assert_eq!(layout::current(&place.skills(), "weather").unwrap().as_deref(), Some("1.1.0"));
    fs::write(weather.join("current"), "nonsense!").unwrap();
    assert_eq!(place.installer.audit().unwrap()[0].state, State::Missing);
    place.installer.sweep().unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.1.0"));
}

#[tokio::test]
async fn without_a_lock_nothing_is_trusted_and_nothing_deleted() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    place.install(None).await.unwrap();
    let lock = place.skills().join("skills.lock");
    let text = fs::read_to_string(&lock).unwrap();
    fs::write(&lock, &text[..text.len() - 3]).unwrap();
    for result in [
        place.installer.audit().map(|_| ()),
        place.installer.sweep(),
        place.installer.rollback("weather", place.guard()).map(|_| ()),
        place.installer.remove("weather", place.guard()).map(|_| ()),
        place.install(None).await.map(|_| ()),
    ] {
        let error = result.unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    }
    assert!(place.skills().join("weather/1.0.0/SKILL.md").exists());
    fs::remove_file(&lock).unwrap();
    place.installer.sweep().unwrap();
    assert_eq!(place.installer.audit().unwrap()[0].state, State::Unknown);
    place.install(None).await.unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.0.0"));
    fs::remove_file(&lock).unwrap();
    assert_eq!(place.installer.remove("weather", place.guard()).unwrap().as_deref(), Some("1.0.0"));
}

#[tokio::test]
async fn skills_of_the_program_need_no_registry_and_no_grant() {
    let mut place = Place::new();
    place.registry = Registry::open(None, builtin(), &Arc::new(Client::default())).unwrap();
    place.config.policy.require_signature = true;
    let request = || Request { name: "shell".to_owned(), ..Request::default() };
    let Installed::New { record, .. } =
        place.installer.install(&place.registry, request(), &place.config).await.unwrap()
    else {
        panic!("not new")
    };
    assert_eq!((record.source.as_str(), record.archive_sha256), ("builtin", None));
    assert_eq!(record.permissions.to_texts(), ["env:HOME", "shell"]);
    assert_eq!(record.files["run.sh"].sha256, sha256_hex(b"#!/bin/sh\n"));
    place.config.policy.deny = vec!["shell".to_owned()];
    place.installer.remove("shell", place.guard()).unwrap();
    let error = place.installer.install(&place.registry, request(), &place.config).await.unwrap_err();
    assert!(error.to_string().contains("`skills.policy.deny` forbids shell"), "{error}");
}

#[tokio::test]
async fn a_removal_makes_room_before_it_needs_some() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    place.install(None).await.unwrap();
    // The lock can't be written.
    let obstacle = place.skills().join(".skills.lock.new");
    fs::create_dir(&obstacle).unwrap();
    assert!(place.installer.remove("weather", place.guard()).is_err());
    let mut entries = fs::read_dir(place.skills()).unwrap().map(|entry| entry.unwrap().path());
    let trash = entries.find(|path| path.to_string_lossy().contains(".removed-")).unwrap();
    assert_eq!(fs::read_dir(trash).unwrap().count(), 0);
    fs::remove_dir(&obstacle).unwrap();
    place.installer.sweep().unwrap();
    assert_eq!(place.in_force(), None);
    assert_eq!(place.installer.audit().unwrap(), []);
}

#[tokio::test]
async fn many_at_once_are_one_after_the_other() {
    let mut place = Place::new();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        place.offer(version, "");
    }
    let versions = [Some("1.0.0"), Some("1.1.0"), Some("1.2.0"), None];
    let results = futures_util::future::join_all(versions.map(|version| place.install(version))).await;
    assert!(results.iter().all(|result| result.is_ok()), "{results:?}");
    assert!(place.in_force().is_some());
}

#[tokio::test]
async fn the_same_at_once_is_installed_once() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    let results =
        futures_util::future::join_all([Some("1.0.0"); 3].map(|version| place.install(version))).await;
    let new = results.iter().filter(|result| matches!(result, Ok(Installed::New { .. }))).count();
    assert!(new == 1 && results.iter().all(|result| result.is_ok()), "{results:?}");
}
