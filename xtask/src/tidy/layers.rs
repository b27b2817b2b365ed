//! Dependencies point one way. The rules are those of `docs/architecture.md`.

use serde_json::Value;

use super::Findings;

/// Crates of the workspace that each layer may use. Who is not listed (programs, tests) may use any but the tests' kit.
const LAYERS: &[(&str, &[&str])] = &[
    ("openclaw-core", &[]),
    ("openclaw-heap", &[]),
    ("openclaw-memory", &["openclaw-core"]),
    ("openclaw-skills", &["openclaw-core"]),
    ("openclaw-channels", &["openclaw-core"]),
    ("openclaw-reasoning", &["openclaw-core"]),
    ("openclaw-inference", &["openclaw-core", "openclaw-reasoning"]),
    (
        "openclaw-http",
        &["openclaw-core", "openclaw-memory", "openclaw-skills", "openclaw-channels", "openclaw-reasoning"],
    ),
    ("xtask", &[]),
];

/// Packages that only tests may use.
const FOR_TESTS: &[&str] =
    &["openclaw-testkit", "openclaw-platforms", "openclaw-e2e", "openclaw-bench", "proptest", "tempfile"];

/// Packages that libraries must do without, and why.
const NOT_IN_LIBRARIES: &[(&str, &str)] = &[
    ("anyhow", "a library's errors are typed"),
    ("clap", "a library reads no arguments"),
    ("figment", "a library is given its configuration"),
    ("tracing-subscriber", "a library owns no process-wide logger"),
];

/// Packages that the domain must do without: it does no I/O.
const NOT_IN_CORE: &[&str] = &["tokio", "hyper", "reqwest", "rustix", "redb", "tracing"];

pub(super) fn check(metadata: &Value, findings: &mut Findings) {
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let is_library = package["manifest_path"].as_str().unwrap_or_default().contains("/crates/");
        let is_test = package["manifest_path"].as_str().unwrap_or_default().contains("/tests/");
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"].as_str() == Some("dev");
            let why = broken(name, on, for_tests, is_library, is_test);
            if let Some(why) = why {
                findings.error(format!("{name} must not depend on {on}: {why}"));
            }
        }
    }
}

fn broken(name: &str, on: &str, for_tests: bool, is_library: bool, is_test: bool) -> Option<&'static str> {
    // A crate may test itself with its own features.
    if is_test || (for_tests && [name, "openclaw-testkit", "openclaw-platforms"].contains(&on)) {
        return None;
    }
    if on.starts_with("openclaw-") {
        let allowed = LAYERS.iter().find(|(layer, _)| *layer == name);
        if allowed.is_some_and(|(_, allowed)| !allowed.contains(&on)) {
            return Some("the layers point the other way (docs/architecture.md)");
        }
    }
    if for_tests {
        return None;
    }
    // A program may write a temporary file; a library or the gateway has its data directory.
    if FOR_TESTS.contains(&on) && (name != "xtask" || on.starts_with("openclaw-")) {
        return Some("it is for tests");
    }
    if let Some((_, why)) = NOT_IN_LIBRARIES.iter().find(|(banned, _)| is_library && *banned == on) {
        return Some(why);
    }
    (name == "openclaw-core" && NOT_IN_CORE.contains(&on)).then_some("the domain does no I/O")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_point_one_way() {
        assert!(broken("openclaw-memory", "openclaw-core", false, true, false).is_none());
        assert!(broken("openclaw-memory", "openclaw-reasoning", false, true, false).is_some());
        assert!(broken("openclaw-reasoning", "openclaw-memory", true, true, false).is_some());
        assert!(broken("openclaw-core", "openclaw-testkit", true, true, false).is_none());
        assert!(broken("openclaw-http", "openclaw-testkit", false, true, false).is_some());
        assert!(broken("openclaw-http", "anyhow", false, true, false).is_some());
        assert!(broken("gateway", "anyhow", false, false, false).is_none());
        assert!(broken("openclaw-core", "tokio", false, true, false).is_some());
    }
}
