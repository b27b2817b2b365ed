//! Links in Markdown lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::{Findings, files::File};

pub(super) fn check(root: &Path, files: &[File], findings: &mut Findings) {
    for file in files.iter().filter(|file| file.is("md")) {
        for (line, target) in links(&file.text) {
            if let Err(why) = follow(root, files, file, target) {
                findings.error(format!("{}:{line}: link to `{target}`: {why}", file.path));
            }
        }
    }
}

/// Inline links outside code blocks, with their line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut in_code) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            found.extend(targets.map(|(target, _)| (number + 1, target)));
        }
    }
    found
}

fn follow(root: &Path, files: &[File], from: &File, target: &str) -> Result<(), &'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        from.path.clone()
    } else {
        let joined = Path::new(&from.path).parent().unwrap_or(Path::new("")).join(path);
        flat(&joined).ok_or("leads out of the repository")?
    };
    if !root.join(&path).exists() {
        return Err("there is no such file");
    }
    let page = files.iter().find(|file| file.path == path);
    match page {
        Some(page) if !anchor.is_empty() && page.is("md") && !headings(&page.text).any(|h| h == anchor) => {
            Err("there is no such heading")
        }
        _ => Ok(()),
    }
}

/// A path without `.` and `..`; `None` when it leaves the top level.
fn flat(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => drop(parts.pop()?),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    PathBuf::from(parts.join("/")).to_str().map(str::to_owned)
}

/// Anchors of the headings, as code hosts make them: lower case, punctuation dropped, spaces as hyphens.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_links_outside_code_only() {
        let text = "see [a](b.md) and [c](d.md#e)\n```\n[x](y)\n```\n[f](#g)";
        assert_eq!(links(text), [(1, "b.md"), (1, "d.md#e"), (5, "#g")]);
    }

    #[test]
    fn makes_anchors_of_headings() {
        let found: Vec<_> = headings("# Data directory (`~/.openclaw`)\ntext\n## A b").collect();
        assert_eq!(found, ["data-directory-openclaw", "a-b"]);
    }

    #[test]
    fn flattens_paths_and_stays_inside() {
        assert_eq!(flat(Path::new("docs/adr/../../README.md")).as_deref(), Some("README.md"));
        assert_eq!(flat(Path::new("../outside.md")), None);
    }
}
