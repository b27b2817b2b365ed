//! The skills of `skills/`, carried in the program so that they can be installed without a registry.

use openclaw_skills::{BuiltinFile, BuiltinSkill};

/// A file of a skill; all are plain, none has to be executable.
macro_rules! files {
    ($skill:literal: $($path:literal),+ $(,)?) => {
        &[$(BuiltinFile {
            path: $path,
            bytes: include_bytes!(concat!("../../../skills/", $skill, "/", $path)),
            executable: false,
        }),+]
    };
}

/// All of them, by name. A test holds them against the folder and against what each says of itself.
pub(crate) const SKILLS: &[BuiltinSkill] = &[BuiltinSkill {
    name: "calc",
    version: "1.0.0",
    description: "Exact arithmetic and unit conversion",
    files: files!("calc": "SKILL.md", "main.py"),
}];
