//! The skills of `skills/`, carried in the program so that they can be installed without a registry.

use openclaw_skills::BuiltinSkill;

/// What `build.rs` packed.
macro_rules! archive {
    ($skill:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $skill, ".tar.gz"))
    };
}

/// All of them, by name. A test holds this list against the folder.
pub(crate) const SKILLS: &[BuiltinSkill] = &[
    BuiltinSkill {
        name: "calc",
        version: "1.0.0",
        description: "Exact arithmetic and unit conversion",
        archive: archive!("calc"),
    },
    BuiltinSkill {
        name: "files",
        version: "1.0.0",
        description: "Reads, writes and searches files in folders that you grant",
        archive: archive!("files"),
    },
    BuiltinSkill {
        name: "shell",
        version: "1.0.0",
        description: "Runs commands in the sandbox",
        archive: archive!("shell"),
    },
    BuiltinSkill {
        name: "time",
        version: "1.0.0",
        description: "Time zones, spans of time and calendars",
        archive: archive!("time"),
    },
    BuiltinSkill {
        name: "weather",
        version: "1.2.0",
        description: "Weather now and in the coming days, by Open-Meteo",
        archive: archive!("weather"),
    },
    BuiltinSkill {
        name: "web-fetch",
        version: "1.0.0",
        description: "The readable text of a web page",
        archive: archive!("web-fetch"),
    },
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn the_list_is_the_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../skills");
        let folders =
            fs::read_dir(&root).unwrap().flatten().filter(|entry| entry.path().join("SKILL.md").is_file());
        let names: BTreeSet<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
        assert_eq!(names, SKILLS.iter().map(|skill| skill.name.to_owned()).collect());
        for skill in SKILLS {
            let judged = openclaw_skills::validate(&root.join(skill.name));
            assert_eq!(judged.problems, [""; 0], "{}", skill.name);
            assert_eq!(judged.warnings, [""; 0], "{}", skill.name);
            assert_eq!(judged.version.as_deref(), Some(skill.version), "{}", skill.name);
        }
    }
}
