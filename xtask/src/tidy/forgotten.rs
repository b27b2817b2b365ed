//! Every Rust file is compiled by somebody: a test file that no target reaches tests nothing.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Findings, files::File};

/// Folders whose modules a build script finds, so that no `mod` leads to them: neither here nor for rustfmt.
pub(crate) const FOUND: &[&str] = &["crates/openclaw-channels/src/platforms"];

/// The modules in those folders.
pub(crate) fn found(root: &Path) -> Vec<PathBuf> {
    let folders = FOUND.iter().filter_map(|folder| std::fs::read_dir(root.join(folder)).ok());
    let modules = folders.flatten().flatten().map(|entry| entry.path().join("mod.rs"));
    modules.filter(|file| file.is_file()).collect()
}

pub(super) fn check(root: &Path, metadata: &Value, files: &[File], findings: &mut Findings) {
    let mut reached = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            if let Some(source) = target["src_path"].as_str() {
                walk(Path::new(source), true, &mut reached);
            }
        }
    }
    for file in found(root) {
        walk(&file, false, &mut reached);
    }
    for file in files.iter().filter(|file| file.is("rs")) {
        let path = root.join(&file.path);
        if let Some(manifest) = fuzz_manifest(&path) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let declared = std::fs::read_to_string(manifest).is_ok_and(|text| text.contains(&name));
            let is_target = path.parent().is_some_and(|parent| parent.ends_with("fuzz_targets"));
            if is_target && !declared {
                findings.error(format!("{} is no target of its fuzz package", file.path));
            }
        } else if !reached.contains(&path) && !is_data(&file.path) {
            findings.error(format!("{} is forgotten: no target and no `mod` leads to it", file.path));
        }
    }
}

/// Files below a `fixtures` or `data` directory are read by tests, not compiled.
fn is_data(path: &str) -> bool {
    path.split('/').any(|part| part == "fixtures" || part == "data")
}

/// The manifest of the cargo-fuzz package that a file belongs to; those are workspaces of their own.
fn fuzz_manifest(path: &Path) -> Option<PathBuf> {
    let directory = path.ancestors().find(|directory| directory.ends_with("fuzz"))?;
    Some(directory.join("Cargo.toml"))
}

/// Follows `mod name;` from a target's root, or from a module.
fn walk(file: &Path, is_root: bool, reached: &mut BTreeSet<PathBuf>) {
    let Ok(text) = std::fs::read_to_string(file) else { return };
    if !reached.insert(file.to_owned()) {
        return;
    }
    let parent = file.parent().unwrap_or(Path::new(""));
    let stem = file.file_stem().unwrap_or_default();
    let home = if is_root || stem == "mod" { parent.to_owned() } else { parent.join(stem) };
    let mut path_attribute: Option<&str> = None;
    // Inline modules around the line, with the indentation their closing brace has; rustfmt keeps it.
    let mut inline: Vec<(usize, &str)> = Vec::new();
    for raw in text.lines() {
        let line = raw.trim();
        let indentation = raw.len() - raw.trim_start().len();
        if let Some(name) = line.strip_suffix('{').and_then(|head| declared(head.trim_end(), "")) {
            inline.push((indentation, name));
        } else if line == "}" && inline.last().is_some_and(|(at, _)| *at == indentation) {
            inline.pop();
        } else if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]"))
        {
            path_attribute = Some(path);
        } else if let Some(name) = declared(line, ";") {
            match path_attribute.take() {
                Some(path) => walk(&flat(&parent.join(path)), true, reached),
                None => {
                    let home = inline.iter().fold(home.clone(), |home, (_, name)| home.join(name));
                    walk(&home.join(format!("{name}.rs")), false, reached);
                    walk(&home.join(name).join("mod.rs"), false, reached);
                }
            }
        }
    }
}

/// The module that a line such as `pub(crate) mod wire;` declares; `end` is what stands behind the name.
fn declared<'a>(line: &'a str, end: &str) -> Option<&'a str> {
    let rest = line.split("//").next()?.trim().strip_suffix(end)?;
    let (visibility, name) = rest.rsplit_once("mod ")?;
    let visibility = visibility.trim();
    let plain = visibility.is_empty() || visibility == "pub" || visibility.starts_with("pub(");
    let word = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '#');
    (plain && word && !name.is_empty()).then(|| name.trim_start_matches("r#"))
}

/// Without `..`, so that paths compare.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path {
        if part == ".." {
            flat.pop();
        } else if part != "." {
            flat.push(part);
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_modules_inside_of_modules() {
        let here = std::env::temp_dir().join(format!("xtask-forgotten-{}", std::process::id()));
        std::fs::create_dir_all(here.join("outer/inner")).unwrap();
        std::fs::write(here.join("outer.rs"), "mod inner {\n    mod leaf;\n}\nmod beside;\n").unwrap();
        for file in ["outer/inner/leaf.rs", "outer/beside.rs", "outer/lost.rs"] {
            std::fs::write(here.join(file), "").unwrap();
        }
        let mut reached = BTreeSet::new();
        walk(&here.join("outer.rs"), false, &mut reached);
        std::fs::remove_dir_all(&here).unwrap();
        let found: Vec<_> = reached.iter().map(|path| path.strip_prefix(&here).unwrap()).collect();
        assert_eq!(found, ["outer/beside.rs", "outer/inner/leaf.rs", "outer.rs"].map(Path::new));
    }

    #[test]
    fn reads_declarations() {
        assert_eq!(declared("mod wire;", ";"), Some("wire"));
        assert_eq!(declared("pub(crate) mod wire; // the vendor's", ";"), Some("wire"));
        assert_eq!(declared("mod tests {", ";"), None);
        assert_eq!(declared("let command = mod_ule;", ";"), None);
        assert_eq!(declared("// mod gone;", ";"), None);
    }
}
