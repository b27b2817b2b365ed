//! The folders below the skills directory. Blocking: called off the async threads.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use openclaw_core::{
    Timestamp,
    port::{SkillInfo, SkillPermissions, SkillsError},
};

use crate::{manifest::old::Manifest, name::check_name};

/// Longest `SKILL.md` that is read, in bytes; the head is at its beginning.
const MANIFEST_BYTES: u64 = 256 * 1024;
/// What a skill is that nothing can run.
const DISABLED: &str = "disabled";
/// What a skill is whose head can't be read.
const INVALID: &str = "invalid";
/// Folders being removed; no skill can have such a name.
const TRASH_PREFIX: &str = ".removed-";

fn unavailable(what: String, source: io::Error) -> SkillsError {
    SkillsError::Unavailable { what, source: Box::new(source) }
}

fn not_found(name: &str, dir: &Path) -> SkillsError {
    let reason = format!("no skill `{name}` is installed (looked in {})", dir.display());
    SkillsError::NotFound { name: name.to_owned(), reason }
}

/// Every installed skill, by name. A missing directory has none.
pub(crate) fn list(dir: &Path) -> Result<Vec<SkillInfo>, SkillsError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unavailable(format!("can't read {}", dir.display()), error)),
    };
    let mut skills = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unavailable(format!("can't read {}", dir.display()), error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| check_name(name).is_ok()) else { continue };
        skills.extend(read(&entry.path(), name)?);
    }
    skills.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(skills)
}

/// The skill in this folder; `None` when there is none. A link is not followed: what lies elsewhere was not installed here.
fn read(folder: &Path, name: &str) -> Result<Option<SkillInfo>, SkillsError> {
    let path = folder.join("SKILL.md");
    let is_plain = |path: &Path, wanted: fn(&fs::Metadata) -> bool| match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(wanted(&metadata).then_some(metadata)),
        // Gone meanwhile, or never there.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(unavailable(format!("can't read {}", path.display()), error)),
    };
    if is_plain(folder, fs::Metadata::is_dir)?.is_none() {
        return Ok(None);
    }
    let Some(metadata) = is_plain(&path, fs::Metadata::is_file)? else { return Ok(None) };
    let mut text = Vec::new();
    let read = fs::File::open(&path).and_then(|file| file.take(MANIFEST_BYTES).read_to_end(&mut text));
    read.map_err(|error| unavailable(format!("can't read {}", path.display()), error))?;
    let manifest = Manifest::parse(&String::from_utf8_lossy(&text));
    let says_its_name = |manifest: &Manifest| manifest.name.as_deref() == Some(name);
    let status = if manifest.as_ref().is_some_and(says_its_name) { DISABLED } else { INVALID };
    let manifest = manifest.unwrap_or_default();
    let may = |prefix: &str| manifest.permissions.iter().any(|permission| permission.starts_with(prefix));
    Ok(Some(SkillInfo {
        name: name.to_owned(),
        version: manifest.version.clone().unwrap_or_else(|| "0.0.0".to_owned()),
        status: status.to_owned(),
        reason: None,
        description: String::new(),
        permissions: SkillPermissions {
            network: may("network"),
            filesystem: may("filesystem"),
            shell: may("shell"),
        },
        installed_at: metadata.modified().map_or_else(|_| Timestamp::now(), Timestamp::from),
        last_used: None,
        invocations: 0,
    }))
}

/// Removes a skill. The folder is first renamed out of sight, so that a crash leaves it whole or gone for every reader.
pub(crate) fn remove(dir: &Path, name: &str) -> Result<SkillInfo, SkillsError> {
    check_name(name)?;
    let folder = dir.join(name);
    let skill = read(&folder, name)?.ok_or_else(|| not_found(name, dir))?;
    let trash = trash_path(dir, name);
    let failed = |error| unavailable(format!("can't remove {}", folder.display()), error);
    match fs::rename(&folder, &trash) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_found(name, dir)),
        Err(error) => return Err(failed(error)),
    }
    // Unlinks links, never follows them.
    fs::remove_dir_all(&trash).map_err(failed)?;
    Ok(skill)
}

fn trash_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{TRASH_PREFIX}{}-{name}", Timestamp::now().unix_millis()))
}

/// Finishes removals that a crash interrupted.
pub(crate) fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TRASH_PREFIX)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "a removed skill's files can't be deleted");
        }
    }
}
