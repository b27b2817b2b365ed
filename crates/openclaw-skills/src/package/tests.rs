use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

const HEAD: &str = "---\nname: weather\ndescription: d\n";

/// A folder with these files; a name that ends in `*` is executable.
fn folder(head: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), head, files);
    dir
}

fn put(root: &Path, head: &str, files: &[(&str, &str)]) {
    fs::create_dir_all(root).unwrap();
    fs::write(root.join("SKILL.md"), format!("{HEAD}{head}---\nText.\n")).unwrap();
    for (name, content) in files {
        let path = root.join(name.trim_end_matches('*'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let mode = if name.ends_with('*') { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn shape(head: &str, files: &[(&str, &str)]) -> Result<String, String> {
    let dir = folder(head, files);
    match Package::load(dir.path()) {
        Ok(package) => Ok(match package.shape {
            Shape::Entry(argv) => argv.join(" "),
            Shape::Mcp(argv) => format!("mcp: {}", argv.join(" ")),
            Shape::Instructions => "text".to_owned(),
        }),
        Err(error) => Err(error.sentence()),
    }
}

#[test]
fn what_is_run_is_found() {
    for (head, files, expected) in [
        ("", &[][..], "text"),
        ("", &[("scripts/x.py", "")], "text"),
        ("", &[("run/x", "")], "text"),
        ("", &[("run*", "#!/bin/sh\n"), ("main.py", "")], "./run"),
        ("", &[("run*", "\x7fELF\0")], "./run"),
        ("", &[("run*", "echo")], "/bin/sh run"),
        ("", &[("run", "#!/usr/bin/env python3\n")], "/usr/bin/env python3 run"),
        ("", &[("run.sh", "echo")], "/bin/sh run.sh"),
        ("", &[("run.sh", "#!/bin/bash -e\n")], "/bin/bash -e run.sh"),
        ("", &[("run.sh*", "#!/bin/bash\n")], "./run.sh"),
        ("", &[("run.sh*", "echo")], "/bin/sh run.sh"),
        ("", &[("index.js", ""), ("main.py*", "#!/usr/bin/python2\n")], "python3 main.py"),
        ("", &[("index.js", "")], "node index.js"),
        ("mcp: true\n", &[("index.js", "")], "mcp: node index.js"),
        ("entrypoint: [python3, -u, main.py]\n", &[("main.py", "")], "python3 -u main.py"),
        ("entrypoint: lib/tool.py --fast\n", &[("lib/tool.py", "")], "python3 lib/tool.py --fast"),
        ("entrypoint: [tool.py]\n", &[("tool.py*", "#!/usr/bin/env -S uv run\n")], "./tool.py"),
        ("entrypoint: [./bin/tool]\n", &[("bin/tool*", "\x7fELF")], "./bin/tool"),
        ("entrypoint: [tool, a]\n", &[("tool*", "#!/bin/sh"), ("run*", "")], "./tool a"),
        ("entrypoint: [curl, -s]\n", &[], "curl -s"),
        ("entrypoint: [/usr/bin/env, x]\n", &[], "/usr/bin/env x"),
        ("entrypoint: [node, server.js]\ntype: mcp\n", &[("server.js", "")], "mcp: node server.js"),
    ] {
        assert_eq!(shape(head, files).as_deref(), Ok(expected), "{head} {files:?}");
    }
}

#[test]
fn what_can_not_be_run_says_why() {
    for (head, files, part) in [
        ("", &[("run", "echo")][..], "chmod +x run"),
        ("", &[("run", "#! relative\n")], "chmod +x run"),
        ("", &[("run*", "MZ\0")], "no program for Linux"),
        ("mcp: true\n", &[], "nothing to run"),
        ("entrypoint: [../other/run]\n", &[], "leaves the skill's folder"),
        ("entrypoint: [python3, ../x.py]\n", &[], "leaves the skill's folder"),
        ("entrypoint: [python3, main.py]\n", &[], "`main.py` can't be run: it is not in"),
        ("entrypoint: [main.py]\n", &[], "not in the skill's folder"),
        ("entrypoint: [./tool]\n", &[], "not in the skill's folder"),
        ("entrypoint: [bin/tool]\n", &[("bin/tool", "text")], "chmod +x bin/tool"),
    ] {
        let error = shape(head, files).unwrap_err();
        assert!(error.contains(part), "{head} {files:?}: {error}");
    }
}

#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let elsewhere = folder("", &[("run*", "")]);
    let linked = tempfile::tempdir().unwrap();
    symlink(elsewhere.path().join("SKILL.md"), linked.path().join("SKILL.md")).unwrap();
    assert!(matches!(Package::load(linked.path()), Err(PackageError::NotPlain { .. })));

    let entry = folder("", &[]);
    symlink(elsewhere.path().join("run"), entry.path().join("run")).unwrap();
    assert!(Package::load(entry.path()).unwrap_err().to_string().contains("no plain file"));

    let way = folder("entrypoint: [bin/run]\n", &[]);
    symlink(elsewhere.path(), way.path().join("bin")).unwrap();
    assert!(Package::load(way.path()).unwrap_err().to_string().contains("is a link"));
}

#[test]
fn a_manifest_is_a_plain_text_of_bounded_length() {
    let dir = tempfile::tempdir().unwrap();
    let sentence = |bytes: &[u8]| {
        fs::write(dir.path().join("SKILL.md"), bytes).unwrap();
        Package::load(dir.path()).unwrap_err().sentence()
    };
    assert!(sentence(b"---\nname: \xff\n---\n").contains("save it as UTF-8"));
    assert!(sentence(&vec![b'x'; 300 * 1024]).contains("longer than 256 KiB"));
    fs::remove_file(dir.path().join("SKILL.md")).unwrap();
    assert!(matches!(Package::load(dir.path()), Err(PackageError::NoManifest { .. })));
    fs::create_dir(dir.path().join("SKILL.md")).unwrap();
    assert!(matches!(Package::load(dir.path()), Err(PackageError::NotPlain { .. })));
    fs::remove_dir(dir.path().join("SKILL.md")).unwrap();
    fs::write(dir.path().join("skill.md"), format!("{HEAD}---\n")).unwrap();
    assert_eq!(Package::load(dir.path()).unwrap().manifest.warnings.len(), 1);
    let missing = Package::load(&dir.path().join("missing")).unwrap_err();
    assert!(missing.sentence().contains("missing: "), "{}", missing.sentence());
}

#[test]
fn local_and_installed_skills_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    put(&dir.join("weather"), "", &[]);
    put(&dir.join("installed/1.0.0"), "version: 7\n", &[]);
    put(&dir.join("installed/1.1.0"), "", &[("run*", "")]);
    put(&dir.join("dangling/1.0.0"), "", &[]);
    put(&dir.join("interrupted/1.0.0"), "", &[]);
    put(&dir.join("My Skill"), "", &[]);
    put(&dir.join("Upper/1.0.0"), "", &[]);
    put(&dir.join(".hidden"), "", &[]);
    put(&dir.join("other"), "", &[]);
    fs::create_dir(dir.join("empty")).unwrap();
    set_current(dir, "installed", "1.1.0").unwrap();
    set_current(dir, "dangling", "2.0.0").unwrap();

    let all = found(dir).unwrap();
    let shown: Vec<_> = all
        .iter()
        .map(|found| {
            let source = match &found.source {
                Source::Local => "local",
                Source::Installed { version } => version,
            };
            let problem = found.package.as_ref().err().map(PackageError::sentence).unwrap_or_default();
            (found.name.as_str(), source, problem)
        })
        .collect();
    let expected = [
        ("My Skill", "local", "can't be called `My Skill`"),
        ("dangling", "2.0.0", "2.0.0 that it names is not there"),
        ("installed", "1.1.0", ""),
        ("interrupted", "1.0.0", "versions 1.0.0 are there"),
        ("other", "local", "calls itself `weather`, and its folder is `other`"),
        ("weather", "local", ""),
    ];
    assert_eq!(shown.len(), expected.len(), "{shown:?}");
    for (shown, expected) in shown.iter().zip(expected) {
        assert_eq!((shown.0, shown.1), (expected.0, expected.1));
        assert!(shown.2.contains(expected.2) && shown.2.is_empty() == expected.2.is_empty(), "{}", shown.2);
    }
    let installed = all[2].package.as_ref().unwrap();
    assert_eq!((installed.manifest.name.as_str(), installed.manifest.warnings.len()), ("installed", 1));
    assert_eq!(all[2].root, dir.join("installed/1.1.0"));
    assert!(found(&dir.join("missing")).unwrap().is_empty());
    assert!(found(&dir.join("weather/SKILL.md")).unwrap_err().to_string().contains("SKILL.md: "));
}

#[test]
fn folders_that_are_no_skills_hide_none() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..2100 {
        std::fs::create_dir(dir.path().join(format!("a{number}"))).unwrap();
    }
    put(&dir.path().join("weather"), "name: weather\ndescription: d", &[]);
    let all = found(dir.path()).unwrap();
    assert_eq!(all.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["weather"]);
    let seen = Fingerprint::take(dir.path());
    assert!(seen.of("weather") != 0 && seen.of("a2099") != 0);
}

#[test]
fn the_pointer_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert_eq!(current(dir, "weather").unwrap(), None);
    assert!(set_current(dir, "weather", "1.0.0").is_err());
    fs::create_dir(dir.join("weather")).unwrap();
    // A leftover of an attempt that was interrupted.
    fs::write(dir.join("weather/.current.new"), "half").unwrap();
    set_current(dir, "weather", "1.0.0").unwrap();
    set_current(dir, "weather", "1.1.0").unwrap();
    assert_eq!(fs::read_to_string(dir.join("weather/current")).unwrap(), "1.1.0\n");
    assert_eq!(current(dir, "weather").unwrap().as_deref(), Some("1.1.0"));
    assert_eq!(fs::read_dir(dir.join("weather")).unwrap().count(), 1);
    for (name, version) in [("../weather", "1.0.0"), ("weather", "../1.0.0"), ("weather", "latest")] {
        assert!(set_current(dir, name, version).is_err());
    }
    for content in ["", "../..", "latest", &"1".repeat(500)] {
        fs::write(dir.join("weather/current"), content).unwrap();
        assert!(current(dir, "weather").is_err(), "{content}");
    }
}

#[test]
fn versions_are_sorted_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let given = ["1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0", "1.9", "1.2.0.4", "01.0", "3"];
    for version in given {
        put(&dir.path().join("weather").join(version), "", &[]);
    }
    fs::create_dir(dir.path().join("weather/9.0.0")).unwrap();
    put(&dir.path().join("weather/.staging"), "", &[]);
    put(&dir.path().join("weather/scripts"), "", &[]);
    let sorted = ["3", "2.0.0", "2.0.0-rc.1", "1.10.0", "1.9", "1.2.0", "1.2.0.4", "01.0"];
    assert_eq!(layout::versions(dir.path(), "weather").unwrap(), sorted);
    assert_eq!(layout::versions(dir.path(), "missing").unwrap(), [""; 0]);
}

#[test]
fn every_change_is_noticed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    put(&dir.join("weather"), "", &[("scripts/x.py", "1"), ("run", "1")]);
    put(&dir.join("installed/1.0.0"), "", &[]);
    set_current(dir, "installed", "1.0.0").unwrap();
    let mut before = Fingerprint::take(dir);
    assert_eq!(before, Fingerprint::take(dir));
    let mut changed = |what: &str, names: &[&str]| {
        let after = Fingerprint::take(dir);
        let differing = after.differing(&before);
        assert!(differing.iter().eq(names), "{what}: {differing:?}");
        assert_eq!(names.is_empty(), after == before, "{what}");
        before = after;
    };
    fs::write(dir.join("weather/SKILL.md"), "longer than it was, or shorter").unwrap();
    changed("manifest", &["weather"]);
    fs::set_permissions(dir.join("weather/run"), fs::Permissions::from_mode(0o755)).unwrap();
    changed("mode", &["weather"]);
    fs::write(dir.join("weather/scripts/x.py"), "12").unwrap();
    changed("script", &["weather"]);
    fs::write(dir.join("weather/scripts/new.py"), "").unwrap();
    changed("new file", &["weather"]);
    fs::create_dir_all(dir.join("weather/lib/a/b")).unwrap();
    fs::write(dir.join("weather/lib/a/b/c.py"), "1").unwrap();
    changed("new deep file", &["weather"]);
    let seen = Fingerprint::take(dir);
    assert!(seen.has_still(dir, "weather") && seen.has_still(dir, "nothing"));
    fs::write(dir.join("weather/lib/a/b/c.py"), "12").unwrap();
    assert!(!seen.has_still(dir, "weather") && seen.has_still(dir, "installed"));
    changed("deep file", &["weather"]);
    set_current(dir, "installed", "1.0.0").unwrap();
    changed("the pointer's inode", &["installed"]);
    fs::write(dir.join("installed/1.0.0/new"), "").unwrap();
    changed("installed file", &["installed"]);
    fs::write(dir.join("skills.lock"), "{}").unwrap();
    assert!(!seen.has_still(dir, "installed"), "the lock is there");
    changed("lock", &["skills.lock"]);
    fs::create_dir(dir.join("another")).unwrap();
    changed("new skill", &["another"]);
    fs::remove_dir_all(dir.join("weather")).unwrap();
    changed("removed skill", &["weather"]);
    fs::create_dir_all(dir.join(".staging/x")).unwrap();
    fs::create_dir_all(dir.join("another/node_modules/x")).unwrap();
    fs::write(dir.join("notes.txt"), "x").unwrap();
    changed("what is no skill", &[]);
    assert_eq!(Fingerprint::take(&dir.join("missing")), Fingerprint::default());
}

#[test]
fn files_are_listed_within_bounds() {
    let dir = folder("", &[("scripts/x.py", "12"), ("a b.txt", ""), (".git/config", "x"), (".env", "1")]);
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
    let listing = list_files(dir.path()).unwrap();
    let shown: Vec<_> = listing.entries.iter().map(|entry| (entry.path.as_str(), entry.kind)).collect();
    let expected = [
        (".env", Kind::File),
        ("SKILL.md", Kind::File),
        ("a b.txt", Kind::File),
        ("link", Kind::Link),
        ("scripts/x.py", Kind::File),
    ];
    assert_eq!(shown, expected);
    assert!(listing.is_complete && listing.entries[4].bytes == 2);
    for index in 0..2100 {
        fs::write(dir.path().join(format!("scripts/{index}")), "").unwrap();
    }
    let listing = list_files(dir.path()).unwrap();
    assert!(!listing.is_complete && listing.entries.len() == 2000);
    assert!(list_files(&dir.path().join("missing")).is_err());
    let deep = tempfile::tempdir().unwrap();
    fs::create_dir_all(deep.path().join("a/".repeat(40))).unwrap();
    assert!(!list_files(deep.path()).unwrap().is_complete);
}

#[test]
fn validating_says_what_is_good_and_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("weather");
    put(&root, "permissions: [shell]\nparameters: {city: string}\nmood: good\n", &[("main.py", "")]);
    let good = validate(&root);
    assert_eq!(good.name.as_deref(), Some("weather"));
    assert_eq!(good.shape.as_deref(), Some("program (python3 main.py)"));
    assert_eq!((good.permissions, good.parameters), (vec!["shell".to_owned()], vec!["city".to_owned()]));
    assert_eq!((good.warnings.len(), good.problems.len()), (1, 0), "{:?}", good.problems);
    assert_eq!(validate(&root.join("SKILL.md")).problems, [""; 0]);
    put(&root.join("1.0.0"), "", &[]);
    assert_eq!(validate(&root.join("1.0.0")).problems, [""; 0]);

    fs::rename(&root, dir.path().join("other")).unwrap();
    let other = validate(&dir.path().join("other"));
    assert!(other.problems[0].contains("rename one of them"), "{:?}", other.problems);
    std::os::unix::fs::symlink("x", dir.path().join("other/link")).unwrap();
    assert!(validate(&dir.path().join("other")).warnings[1].contains("link is no plain file"));
    assert!(validate(dir.path()).problems[0].contains("no SKILL.md"));
}
