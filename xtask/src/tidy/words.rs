//! Words that must not be committed.

use super::{Findings, files::File};

/// What is looked for in Rust files, and why it must go. Written in two halves, so that this file passes itself.
const IN_RUST: &[(&str, &str, &str)] = &[
    ("todo", "!(", "unfinished code is not committed"),
    ("unimpl", "emented!(", "unfinished code is not committed"),
    ("FIX", "ME", "mend it, or say in plain words what is so and why"),
    ("#[al", "low(", "use #[expect(…, reason = \"…\")], which complains once it is needless"),
    ("#![al", "low(", "use #![expect(…, reason = \"…\")], which complains once it is needless"),
    ("#[ign", "ore]", "say why: #[ignore = \"…\"]"),
];

/// Paths that exist on somebody's machine only. (`/wo` + `rk` alone is a directory of every sandbox.)
const PATHS: &[(&str, &str)] = &[
    ("/ro", "ot/"),
    ("/wo", "rk/main"),
    ("/wo", "rk/sha"),
    ("/wo", "rk/.l"),
    ("/Us", "ers/"),
    ("/tmp/ba", "sh_jobs"),
];

pub(super) fn check(files: &[File], findings: &mut Findings) {
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, number + 1);
            if file.is("rs") {
                for (head, tail, why) in IN_RUST {
                    let word = format!("{head}{tail}");
                    if line.contains(&word) {
                        findings.error(format!("{place}: `{word}`: {why}"));
                    }
                }
            }
            for (head, tail) in PATHS {
                let path = format!("{head}{tail}");
                if has_path(line, &path) {
                    findings.error(format!("{place}: `{path}` is a path of one machine"));
                }
            }
        }
    }
}

/// Whether `path` begins in `line` as an absolute path, not as the middle of a longer one or of an address.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-*~})/>".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_absolute_paths_from_parts_of_others() {
        let path = format!("/wo{}", "rk/");
        assert!(has_path(&format!("cd {path}main"), &path));
        assert!(has_path(&format!("\"{path}main\""), &path));
        assert!(!has_path(&format!("https://example.com{path}x"), &path));
        assert!(!has_path(&format!("{{home}}{path}x"), &path));
    }
}
