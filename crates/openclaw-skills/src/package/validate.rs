//! Judging a skill's folder before it is used or published.

use std::path::Path;

use super::{Package, PackageError, list_files, read};
use crate::name::check_version;

/// What a folder is as a skill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validation {
    /// Its name, when it can be read.
    pub name: Option<String>,
    /// Its version; `0.0.0` when it says none.
    pub version: Option<String>,
    /// What it is: `program (python3 main.py)`, `MCP server (…)`, or `instructions`.
    pub shape: Option<String>,
    /// What it asks for, each as it is written.
    pub permissions: Vec<String>,
    /// The names of its parameters.
    pub parameters: Vec<String>,
    /// What could be better, one sentence each.
    pub warnings: Vec<String>,
    /// What keeps it from being used, one sentence each; empty for a good skill.
    pub problems: Vec<String>,
}

/// Reads the skill in `folder` as the gateway would. Blocking; never fails: what is wrong is in `problems`.
#[must_use]
pub fn validate(folder: &Path) -> Validation {
    // `validate weather/SKILL.md` means the folder.
    let folder = match folder.file_name() {
        Some(name) if name.eq_ignore_ascii_case(read::MANIFEST) && folder.is_file() => {
            folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
        }
        _ => folder,
    };
    let package = match Package::load(folder) {
        Ok(package) => package,
        Err(error) => return Validation { problems: vec![error.sentence()], ..Validation::default() },
    };
    let manifest = &package.manifest;
    let mut warnings = manifest.warnings.clone();
    if let Some(warning) = about_files(&package) {
        warnings.push(warning);
    }
    let properties = manifest.parameters.as_ref().and_then(|schema| schema.get("properties")?.as_object());
    Validation {
        name: Some(manifest.name.clone()),
        version: Some(manifest.version.clone()),
        shape: Some(package.shape.to_string()),
        permissions: manifest.permissions.to_texts(),
        parameters: properties.into_iter().flat_map(|all| all.keys().cloned()).collect(),
        warnings,
        problems: other_name(&package).map(|error| error.sentence()).into_iter().collect(),
    }
}

/// A folder is called like its skill, or like its version and lies in one that is.
fn other_name(package: &Package) -> Option<PackageError> {
    let name_of =
        |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let name = &package.manifest.name;
    let folder = name_of(&package.root);
    let is_version = check_version(&folder).is_ok()
        && package.root.parent().is_some_and(|parent| name_of(parent) == *name);
    (folder != *name && !is_version).then(|| PackageError::OtherName { folder, name: name.clone() })
}

/// What can't be published.
fn about_files(package: &Package) -> Option<String> {
    let listing = list_files(&package.root).ok()?;
    let odd = listing.entries.iter().find(|entry| entry.kind != super::Kind::File);
    if let Some(odd) = odd {
        return Some(format!("{} is no plain file: an archive with it would not be installed", odd.path));
    }
    (!listing.is_complete).then(|| "it has more files, or deeper folders, than are looked at".to_owned())
}
