//! `permissions`: a list such as `[network:api.example.com, shell]`, or the same as a mapping.

use openclaw_core::{Permission, Permissions};
use serde_json::Value;

use super::fields::{cut, flag, texts};

/// Most permissions of one skill.
const MOST: usize = 64;

/// Reads the field. The error goes on where the field's name ends.
pub(super) fn read(value: &Value) -> Result<Permissions, String> {
    let mut texts = Vec::new();
    collect(value, &mut texts)?;
    if texts.len() > MOST {
        return Err(format!("has more than {MOST} entries"));
    }
    if let Some(address) = texts.iter().find(|text| text.starts_with("network:") && text.contains("://")) {
        return Err(format!(
            "has `{}`: name the host alone, such as `network:api.example.com`",
            cut(address, 100)
        ));
    }
    let read = texts.iter().map(|text| text.parse::<Permission>());
    read.collect::<Result<_, _>>()
        .map_err(|error| format!("asks for something that can't be asked for: {error}"))
}

fn collect(value: &Value, into: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) => {
            // `permissions: network:a.example.com, shell` on one line.
            let parts = text.split([',', ' ', '\n']).map(str::trim).filter(|part| !part.is_empty());
            into.extend(parts.map(str::to_owned));
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| match item {
            // A path may have spaces in it: an entry of a list is one permission.
            Value::String(text) => {
                into.push(text.clone());
                Ok(())
            }
            // `- network: api.example.com`, with a space behind the colon, is a mapping.
            Value::Object(_) => collect(item, into),
            _ => Err("must be a list of texts such as `network:api.example.com`".to_owned()),
        }),
        Value::Object(entries) => entries.iter().try_for_each(|(kind, value)| of_kind(kind, value, into)),
        _ => Err("must be a list of texts such as `network:api.example.com`, or `[]` for none".to_owned()),
    }
}

/// `kind: value` of the mapping form.
fn of_kind(kind: &str, value: &Value, into: &mut Vec<String>) -> Result<(), String> {
    let is_none = value.is_null() || flag(value) == Some(false) || value.as_str() == Some("none");
    match kind {
        _ if is_none => Ok(()),
        "shell" if flag(value) == Some(true) => {
            into.push("shell".to_owned());
            Ok(())
        }
        "shell" => Err("may say `shell: true` or `shell: false`".to_owned()),
        "network" | "env" => {
            let list = match value {
                Value::Object(inner) if inner.len() == 1 => inner
                    .iter()
                    .find(|(key, _)| matches!(key.as_str(), "hosts" | "domains" | "allow"))
                    .and_then(|(_, list)| texts(list)),
                Value::Bool(_) => None,
                value => texts(value),
            };
            let example = if kind == "env" { "env: [API_KEY]" } else { "network: [api.example.com]" };
            let list =
                list.ok_or_else(|| format!("must name each {kind} it is about, such as `{example}`"))?;
            into.extend(list.into_iter().map(|one| prefixed(kind, &one)));
            Ok(())
        }
        "filesystem" => filesystem(value, into),
        kind => {
            // Names the allowed forms.
            let error = kind.parse::<Permission>().err().map(|error| error.to_string());
            Err(format!(
                "has an entry that is not known: {}",
                error.unwrap_or_else(|| format!("`{kind}: …`"))
            ))
        }
    }
}

fn filesystem(value: &Value, into: &mut Vec<String>) -> Result<(), String> {
    let unclear = || "must say which paths, such as `filesystem: {read: [/srv/data]}`".to_owned();
    match value {
        Value::Object(ways) => {
            for (way, paths) in ways {
                if !matches!(way.as_str(), "read" | "write") {
                    return Err(format!("has `filesystem: {{{way}: …}}`; only `read` and `write` are known"));
                }
                let paths =
                    if flag(paths) == Some(false) { Vec::new() } else { texts(paths).ok_or_else(unclear)? };
                into.extend(paths.into_iter().map(|path| format!("filesystem:{way}:{path}")));
            }
            Ok(())
        }
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().map(|text| prefixed("filesystem", text)));
            into.extend(texts.collect::<Option<Vec<_>>>().ok_or_else(unclear)?);
            Ok(())
        }
        Value::String(text) if text.contains(':') => {
            into.push(prefixed("filesystem", text));
            Ok(())
        }
        _ => Err(unclear()),
    }
}

/// Both `api.example.com` and `network:api.example.com` below `network`.
fn prefixed(kind: &str, text: &str) -> String {
    let is_whole = text.strip_prefix(kind).is_some_and(|rest| rest.starts_with(':'));
    if is_whole { text.to_owned() } else { format!("{kind}:{text}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_mean_the_same() {
        let list = json!([
            "network:api.example.com",
            "filesystem:read:/srv/my data",
            "filesystem:write:~/notes",
            "env:KEY",
            "shell",
        ]);
        let expected = read(&list).unwrap();
        assert_eq!(expected.to_texts().len(), 5);
        for same in [
            json!({"network": ["api.example.com"], "filesystem": {"read": ["/srv/my data"], "write": "~/notes"}, "env": "KEY", "shell": true}),
            json!({"network": {"hosts": ["api.example.com"]}, "filesystem": ["read:/srv/my data", "write:~/notes"], "env": ["env:KEY"], "shell": "yes"}),
            json!([{"network": "api.example.com"}, {"filesystem": {"read": "/srv/my data"}}, {"filesystem": "write:~/notes"}, {"env": "KEY"}, "shell"]),
        ] {
            assert_eq!(read(&same).unwrap(), expected, "{same}");
        }
        assert_eq!(read(&json!("network:a.example.com, shell")).unwrap().to_texts().len(), 2);
    }

    #[test]
    fn none_is_none() {
        for none in [
            json!(null),
            json!([]),
            json!({}),
            json!({"network": false, "filesystem": "none", "shell": false}),
            json!({"filesystem": {"read": [], "write": false}}),
        ] {
            assert!(read(&none).unwrap().is_empty(), "{none}");
        }
    }

    #[test]
    fn what_is_unclear_or_unknown_is_refused() {
        for (value, part) in [
            (json!(["network"]), "Allowed: network:HOST"),
            (json!(["internet"]), "Allowed: network:HOST"),
            (json!(["network:https://example.com/x"]), "name the host alone"),
            (json!({"network": true}), "network: [api.example.com]"),
            (json!({"network": ["a.com"], "gpu": true}), "Allowed: network:HOST"),
            (json!({"filesystem": true}), "filesystem: {read"),
            (json!({"filesystem": {"delete": ["/x"]}}), "only `read` and `write`"),
            (json!({"env": {"KEY": "value"}}), "env: [API_KEY]"),
            (json!({"shell": "bash"}), "shell: true"),
            (json!(true), "must be a list"),
            (json!([["shell"]]), "must be a list"),
            (json!(vec!["shell"; 65]), "more than 64"),
        ] {
            let error = read(&value).unwrap_err();
            assert!(error.contains(part), "{value}: {error}");
        }
    }
}
