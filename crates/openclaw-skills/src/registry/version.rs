//! Which of two versions is newer.

use std::cmp::Ordering;

use semver::Version;

/// The order of versions: semantic when they are, with missing parts as zero; else by their text, before all others.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    read(a).cmp(&read(b)).then_with(|| a.cmp(b))
}

/// Whether `a` is newer than `b`.
pub(crate) fn is_newer(a: &str, b: &str) -> bool {
    compare(a, b) == Ordering::Greater
}

/// The newest of them that is no pre-release; when all are, the newest.
pub(super) fn newest<'a>(versions: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let is_final = |version: &str| read(version).is_none_or(|version| version.pre.is_empty());
    versions.max_by(|a, b| is_final(a).cmp(&is_final(b)).then_with(|| compare(a, b)))
}

fn read(text: &str) -> Option<Version> {
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let missing = 2_usize.saturating_sub(numbers.matches('.').count());
    Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(missing))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order() {
        for (older, newer) in [
            ("1.9.0", "1.10.0"),
            ("1", "1.0.1"),
            ("1.0.0-rc.1", "1.0.0"),
            ("1.0.0-rc.2", "1.0.0-rc.10"),
            ("1.2.3.4", "0.0.1"),
        ] {
            assert!(is_newer(newer, older) && !is_newer(older, newer), "{older} {newer}");
        }
        assert!(!is_newer("1.0.0", "1.0.0"));
    }

    #[test]
    fn the_newest_is_no_pre_release_when_there_is_another() {
        assert_eq!(newest(["1.0.0", "2.0.0-rc.1", "1.10.0", "1.9"].into_iter()), Some("1.10.0"));
        assert_eq!(newest(["2.0.0-rc.1", "2.0.0-rc.2"].into_iter()), Some("2.0.0-rc.2"));
        assert_eq!(newest([].into_iter()), None);
    }
}
