//! The skills of `skills/`, carried in the program so that they can be installed without a registry.

use openclaw_skills::{BuiltinFile, BuiltinSkill};

/// The files of a skill: its folder's name, then each path in it. None has to be executable: interpreters run them.
macro_rules! files {
    ($skill:literal: $($path:literal),+ $(,)?) => {
        &[$(BuiltinFile {
            path: $path,
            bytes: include_bytes!(concat!("../../../skills/", $skill, "/", $path)),
            executable: false,
        }),+]
    };
}

/// All of them, by name. A test holds this list against the folder.
pub(crate) const SKILLS: &[BuiltinSkill] = &[
    BuiltinSkill {
        name: "calc",
        version: "1.0.0",
        description: "Exact arithmetic and unit conversion",
        files: files!("calc": "SKILL.md", "expression.py", "functions.py", "lexer.py", "main.py", "quantity.py", "tests/exact.json", "tests/mixed-kinds.json", "tests/pyeong.json", "tests/too-long.json", "tests/units.json", "units.py"),
    },
    BuiltinSkill {
        name: "files",
        version: "1.0.0",
        description: "Reads, writes and searches files in folders that you grant",
        files: files!("files": "SKILL.md", "grants.py", "main.py", "tests/content.json", "tests/move.json"),
    },
    BuiltinSkill {
        name: "shell",
        version: "1.0.0",
        description: "Runs commands in the sandbox",
        files: files!("shell": "SKILL.md", "main.py", "tests/empty.json", "tests/exit-code.json", "tests/pipe.json", "tests/stdin.json"),
    },
    BuiltinSkill {
        name: "time",
        version: "1.0.0",
        description: "Time zones, spans of time and calendars",
        files: files!("time": "SKILL.md", "durations.py", "lunar.py", "main.py", "moments.py", "tests/add.json", "tests/ambiguous.json", "tests/convert.json", "tests/days.json", "tests/korea.json", "tests/lunar.json", "zones.py"),
    },
    BuiltinSkill {
        name: "weather",
        version: "1.2.0",
        description: "Weather now and in the coming days, by Open-Meteo",
        files: files!("weather": "SKILL.md", "main.py", "tests/blank.json", "tests/coordinates.json"),
    },
    BuiltinSkill {
        name: "web-fetch",
        version: "1.0.0",
        description: "The readable text of a web page",
        files: files!("web-fetch": "SKILL.md", "charset.py", "main.py", "markup.py", "page.py", "tests/credentials.json", "tests/scheme.json", "tests/spaces.json"),
    },
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    fn files_of(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() && name != "__pycache__" {
                files_of(&entry.path(), &format!("{prefix}{name}/"), found);
            } else if entry.path().is_file() {
                found.insert(format!("{prefix}{name}"));
            }
        }
    }

    #[test]
    fn the_list_is_the_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../skills");
        let folders =
            fs::read_dir(&root).unwrap().flatten().filter(|entry| entry.path().join("SKILL.md").is_file());
        let names: BTreeSet<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
        assert_eq!(names, SKILLS.iter().map(|skill| skill.name.to_owned()).collect());
        for skill in SKILLS {
            let mut found = BTreeSet::new();
            files_of(&root.join(skill.name), "", &mut found);
            assert_eq!(
                found,
                skill.files.iter().map(|file| file.path.to_owned()).collect(),
                "{}",
                skill.name
            );
            let judged = openclaw_skills::validate(&root.join(skill.name));
            assert_eq!(judged.problems, [""; 0], "{}", skill.name);
            assert_eq!(judged.warnings, [""; 0], "{}", skill.name);
            assert_eq!(judged.version.as_deref(), Some(skill.version), "{}", skill.name);
        }
    }
}
