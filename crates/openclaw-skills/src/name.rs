//! What can be a skill's name and version.

use openclaw_core::port::SkillsError;

/// Longest name or version, in characters.
const CHARS: usize = 64;

/// Tools that are not skills; a skill of such a name could pass itself off as one.
const RESERVED: [&str; 2] = [openclaw_core::SKILL_READ, "memory_"];

/// `[a-z0-9][a-z0-9_-]{0,63}`: a name is also the name of a folder, so it can be neither a path nor hidden; and it stands before the
/// dot in the names of a server's tools.
pub(crate) fn check_name(name: &str) -> Result<(), SkillsError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_reserved = RESERVED.iter().any(|reserved| name.starts_with(reserved));
    if begins && name.len() <= CHARS && name.bytes().all(inner) && !is_reserved {
        return Ok(());
    }
    let reason = if is_reserved {
        "is the name of a tool that is no skill"
    } else {
        "must be 1 to 64 characters of a-z, 0-9, `_` and `-`, beginning with a letter or digit"
    };
    Err(SkillsError::Invalid { field: "name", reason: reason.to_owned() })
}

/// Begins with a digit, as in `1.2.0` or `2.0.0-rc.1+build.5`.
pub(crate) fn check_version(version: &str) -> Result<(), SkillsError> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
    let begins = version.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if begins && version.len() <= CHARS && version.bytes().all(inner) {
        return Ok(());
    }
    let reason = "must be a version such as 1.2.0; leave it out for the newest";
    Err(SkillsError::Invalid { field: "version", reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_not_be_paths() {
        for good in ["weather", "a", "0x", "web-search", "a_b-c", &"a".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "-x",
            "a/b",
            "a\\b",
            "a.b",
            "skill_read",
            "memory_store",
            "Weather",
            "天氣",
            "a b",
            "a\0",
            &"a".repeat(65),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_look_like_versions() {
        for good in ["1", "1.2.0", "2.0.0-rc.1+build.5"] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        for bad in ["", "latest", "v1", "1/2", "1 2", "^1.0", &"1".repeat(65)] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }
}
