//! Skills as they look on a terminal, and as JSON.

use openclaw_core::port::SkillInfo;
use openclaw_skills::{SkillAudit, SkillDetails, SkillFound, SkillKind};
use serde_json::{Value, json};

use crate::{
    memory::show::{bytes, counted, cut, minute, one_line, padded, text},
    output::harmless,
};

/// Files that are named before the rest is counted.
const FILES: usize = 12;
/// Longest names and versions for which the columns are moved.
const WIDEST: usize = 24;

/// A skill as `GET /skills` gives it.
pub(super) fn item(info: &SkillInfo) -> Value {
    json!({
        "name": info.name,
        "version": info.version,
        "description": info.description,
        "status": info.status,
        "reason": info.reason,
        "permissions": {
            "network": info.permissions.network,
            "filesystem": info.permissions.filesystem,
            "shell": info.permissions.shell,
        },
        "installed_at": info.installed_at,
        "last_used": info.last_used,
        "invocations": info.invocations,
    })
}

/// Skills as `GET /skills` gives them, a line each, and one more for what keeps it from being called.
pub(super) fn list(skills: &[Value], columns: Option<usize>) -> String {
    let fit = |line: String| columns.map_or_else(|| line.clone(), |columns| cut(&line, columns));
    let width = |member: &str, least: usize| {
        let widths = skills.iter().map(|skill| text(&skill[member]).chars().count());
        widths.max().unwrap_or_default().clamp(least, WIDEST)
    };
    let (names, versions, statuses) = (width("name", 4), width("version", 5), width("status", 5));
    let mut told = String::new();
    for skill in skills {
        let line = format!(
            "{}  {}  {}  {}  used {}",
            padded(&text(&skill["name"]), names),
            padded(&text(&skill["version"]), versions),
            padded(&text(&skill["status"]), statuses),
            padded(&words(&skill["permissions"]), 12),
            used(skill),
        );
        told.push_str(&format!("{}\n", fit(line)));
        if let Some(reason) = skill["reason"].as_str() {
            // It says what to do: never cut.
            told.push_str(&format!("  ! {}\n", one_line(reason, None)));
        }
    }
    told
}

/// The contract's three words, those that hold.
fn words(permissions: &Value) -> String {
    let all = ["network", "filesystem", "shell"].into_iter();
    let words: Vec<&str> = all.filter(|word| permissions[*word] == true).collect();
    if words.is_empty() { "–".to_owned() } else { words.join(", ") }
}

fn used(skill: &Value) -> String {
    match skill["invocations"].as_u64().unwrap_or_default() {
        0 => "never".to_owned(),
        count => format!("{}, last {}", counted(count, "time", "times"), minute(&skill["last_used"])),
    }
}

/// What a registry has, a line each.
pub(super) fn found(found: &[SkillFound], columns: Option<usize>) -> String {
    let width =
        |of: &dyn Fn(&SkillFound) -> usize| found.iter().map(of).max().unwrap_or_default().min(WIDEST);
    let names = width(&|found| found.name.chars().count());
    let versions = width(&|found| found.version.as_ref().map_or(1, |version| version.chars().count()));
    let mut told = String::new();
    for found in found {
        let line = format!(
            "{}  {}  {}  [{}]",
            padded(&one_line(&found.name, None), names),
            padded(&one_line(found.version.as_deref().unwrap_or("–"), None), versions),
            one_line(&found.description, None),
            one_line(&found.source, None),
        );
        let line = columns.map_or_else(|| line.clone(), |columns| cut(&line, columns));
        told.push_str(&format!("{line}\n"));
    }
    told
}

/// What a registry has, for programs.
pub(super) fn found_item(found: &SkillFound) -> Value {
    json!({
        "name": found.name,
        "version": found.version,
        "description": found.description,
        "source": found.source,
    })
}

/// A skill from up close, for programs. `listed` is it as it is listed.
pub(super) fn details_item(details: &SkillDetails, audit: Option<&SkillAudit>, mut listed: Value) -> Value {
    let kind = details.kind.map(|kind| match kind {
        SkillKind::Program => "program",
        SkillKind::Server => "server",
        SkillKind::Instructions => "instructions",
    });
    let files: Vec<Value> =
        details.files.iter().map(|(path, bytes)| json!({ "path": path, "bytes": bytes })).collect();
    let more = json!({
        "kind": kind,
        "shape": details.shape,
        "granted": details.granted,
        "tools": tools(details),
        "author": details.author,
        "license": details.license,
        "homepage": details.homepage,
        "warnings": details.warnings,
        "folder": details.folder,
        "files": files,
        "origin": audit.map(audit_item),
    });
    if let (Some(listed), Value::Object(more)) = (listed.as_object_mut(), more) {
        listed.extend(more);
    }
    listed
}

/// Tools by name, as far as they are known without starting it.
fn tools(details: &SkillDetails) -> Vec<String> {
    match details.kind {
        Some(SkillKind::Program) if details.tools.is_empty() => vec![details.info.name.clone()],
        _ => details.tools.clone(),
    }
}

/// A skill from up close.
pub(super) fn details(details: &SkillDetails, audit: Option<&SkillAudit>, listed: &Value) -> String {
    let mut told =
        format!("{} {} · {}\n", text(&listed["name"]), text(&listed["version"]), text(&listed["status"]),);
    if let Some(reason) = listed["reason"].as_str() {
        told.push_str(&format!("! {reason}\n"));
    }
    if !details.info.description.is_empty() {
        told.push_str(&format!("{}\n", one_line(&details.info.description, None)));
    }
    told.push('\n');
    let tools = match details.kind {
        Some(SkillKind::Server) if details.tools.is_empty() => "known once it has been started".to_owned(),
        _ => tools(details).join(", "),
    };
    let granted = match details.granted.as_slice() {
        [] => "nothing beyond its own folder".to_owned(),
        granted => granted.join(", "),
    };
    let origin = audit.map(|audit| {
        let source = audit.source.as_deref().unwrap_or("an unknown place");
        let signature = match &audit.signed_by {
            Some(key) => format!("signed by {key}"),
            None => "not signed".to_owned(),
        };
        format!("{} from {source}, {signature}", minute(&listed["installed_at"]))
    });
    let by_hand = if details.is_local { "by hand: it is yours" } else { "unknown: skills.lock does not say" };
    let rows = [
        ("what", details.shape.clone()),
        ("tools", Some(tools).filter(|tools| !tools.is_empty())),
        // What can't be read asks for nobody knows what.
        ("may", details.kind.map(|_| granted)),
        ("author", details.author.clone()),
        ("licence", details.license.clone()),
        ("homepage", details.homepage.clone()),
        ("installed", Some(origin.unwrap_or_else(|| by_hand.to_owned()))),
        (
            "archive",
            audit.and_then(|audit| audit.archive_sha256.as_ref()).map(|sha256| format!("sha256 {sha256}")),
        ),
        ("earlier", audit.map(|audit| audit.earlier.join(", ")).filter(|earlier| !earlier.is_empty())),
        ("used", Some(used(listed))),
        ("folder", Some(details.folder.display().to_string())),
        ("files", Some(files(&details.files))),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            told.push_str(&format!("{name:<11}{}\n", one_line(&value, None)));
        }
    }
    for warning in &details.warnings {
        told.push_str(&format!("~ {}\n", one_line(warning, None)));
    }
    harmless(&told)
}

fn files(files: &[(String, u64)]) -> String {
    let whole = files.iter().map(|(_, bytes)| bytes).sum();
    let names: Vec<&str> = files.iter().take(FILES).map(|(path, _)| path.as_str()).collect();
    let more = match files.len().saturating_sub(FILES) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{}: {}{more}", bytes(whole), names.join(", "))
}

/// What an audit found, for programs.
pub(super) fn audit_item(audit: &SkillAudit) -> Value {
    json!({
        "name": audit.name,
        "version": audit.version,
        "intact": audit.intact,
        "differences": audit.differences,
        "source": audit.source,
        "installed_at": audit.installed_at,
        "archive_sha256": audit.archive_sha256,
        "signed_by": audit.signed_by,
        "granted": audit.granted,
        "earlier": audit.earlier,
    })
}

/// What an audit found, a line for each skill and one for each difference.
pub(super) fn audits(audits: &[SkillAudit]) -> String {
    let mut told = String::new();
    for audit in audits {
        let verdict = if audit.intact { "ok  " } else { "FAIL" };
        let version = audit.version.as_deref().unwrap_or("–");
        let source = audit.source.as_deref().map(|source| format!("  from {source}")).unwrap_or_default();
        let signed = if audit.signed_by.is_some() { ", signed" } else { "" };
        told.push_str(&format!("{verdict}  {} {version}{source}{signed}\n", audit.name));
        for difference in &audit.differences {
            told.push_str(&format!("      ! {}\n", one_line(difference, None)));
        }
    }
    harmless(&told)
}

/// A word as a shell takes it for itself.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use openclaw_core::{Timestamp, port::SkillPermissions};

    use super::*;

    fn info() -> SkillInfo {
        SkillInfo {
            name: "weather".to_owned(),
            version: "1.2.0".to_owned(),
            status: "ready".to_owned(),
            reason: None,
            description: "Weather,\nanywhere".to_owned(),
            permissions: SkillPermissions { network: true, ..SkillPermissions::default() },
            installed_at: Timestamp::from_unix_millis(1_774_020_600_000),
            last_used: Some(Timestamp::from_unix_millis(1_774_020_600_000)),
            invocations: 1,
        }
    }

    fn audit() -> SkillAudit {
        SkillAudit {
            name: "weather".to_owned(),
            version: Some("1.2.0".to_owned()),
            intact: false,
            differences: vec!["main.py has changed".to_owned()],
            source: Some("builtin".to_owned()),
            installed_at: None,
            archive_sha256: None,
            signed_by: None,
            granted: vec!["network:api.example.com".to_owned()],
            earlier: vec!["1.1.0".to_owned()],
        }
    }

    #[test]
    fn a_list_has_a_line_for_each_and_one_for_what_is_wrong() {
        let good = item(&info());
        let mut changed = item(&SkillInfo {
            name: "calc".to_owned(),
            status: "changed".to_owned(),
            reason: Some("its files\u{1b}[2K are not what was installed".to_owned()),
            permissions: SkillPermissions::default(),
            invocations: 0,
            ..info()
        });
        let told = list(&[changed.clone(), good], None);
        assert_eq!(
            told,
            "calc     1.2.0  changed  –             used never\n  ! its files[2K are not what was installed\n\
             weather  1.2.0  ready    network       used 1 time, last 2026-03-20 15:30\n"
        );
        changed["reason"] = Value::Null;
        assert_eq!(list(&[changed], Some(24)), "calc  1.2.0  changed  –…\n");
        assert_eq!(list(&[], None), "");
    }

    #[test]
    fn a_skill_from_up_close_says_where_it_came_from() {
        let mut close = SkillDetails {
            info: info(),
            kind: Some(SkillKind::Program),
            shape: Some("program (python3 main.py)".to_owned()),
            granted: vec!["network:api.example.com".to_owned()],
            author: None,
            license: Some("MIT".to_owned()),
            homepage: None,
            tools: Vec::new(),
            warnings: vec!["it has no author".to_owned()],
            is_local: false,
            folder: "/skills/weather/1.2.0".into(),
            files: vec![("SKILL.md".to_owned(), 1200), ("main.py".to_owned(), 34)],
        };
        let told = details(&close, Some(&audit()), &item(&info()));
        assert_eq!(
            told,
            "weather 1.2.0 · ready\nWeather, anywhere\n\n\
             what       program (python3 main.py)\n\
             tools      weather\n\
             may        network:api.example.com\n\
             licence    MIT\n\
             installed  2026-03-20 15:30 from builtin, not signed\n\
             earlier    1.1.0\n\
             used       1 time, last 2026-03-20 15:30\n\
             folder     /skills/weather/1.2.0\n\
             files      1.2 kB: SKILL.md, main.py\n\
             ~ it has no author\n"
        );
        close.kind = Some(SkillKind::Server);
        close.granted.clear();
        let told = details(&close, None, &item(&info()));
        assert!(told.contains("tools      known once") && told.contains("nothing beyond"), "{told}");
        close.kind = None;
        let told = details(&close, None, &item(&info()));
        assert!(told.contains("installed  unknown") && !told.contains("may "), "{told}");
        close.is_local = true;
        assert!(details(&close, None, &item(&info())).contains("it is yours"));
        close.kind = Some(SkillKind::Server);
        let value = details_item(&close, Some(&audit()), item(&info()));
        assert_eq!((&value["kind"], &value["name"]), (&json!("server"), &json!("weather")));
        assert_eq!((&value["origin"]["intact"], &value["files"][1]["bytes"]), (&json!(false), &json!(34)));
    }

    #[test]
    fn an_audit_lists_each_difference() {
        assert_eq!(audits(&[audit()]), "FAIL  weather 1.2.0  from builtin\n      ! main.py has changed\n");
        let good = SkillAudit {
            intact: true,
            differences: Vec::new(),
            signed_by: Some("key".to_owned()),
            ..audit()
        };
        assert_eq!(audits(&[good]), "ok    weather 1.2.0  from builtin, signed\n");
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, safe) in [
            ("network:a.example:443", "network:a.example:443"),
            ("network:*.example.com", "'network:*.example.com'"),
            ("filesystem:read:/a b", "'filesystem:read:/a b'"),
            ("it's", "'it'\\''s'"),
        ] {
            assert_eq!(quoted(word), safe);
        }
    }
}
