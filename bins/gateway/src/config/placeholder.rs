//! `${NAME}` and `${NAME:-default}` in configured texts.

/// Why a text can't be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceholderError {
    #[error("uses the environment variable {0}, which is not set; set it, or write ${{{0}:-default}}")]
    Unset(String),
    #[error("has a `${{` without its `}}`; write $${{ for the characters themselves")]
    Unclosed,
    #[error(
        "has the placeholder ${{{0}}}, whose name must be letters, digits and _, not starting with a digit"
    )]
    BadName(String),
}

/// `text` with every placeholder replaced by `lookup`'s answer. A variable that is set but empty counts as set without
/// `:-`, and as unset with it, as in a shell. `$${` stands for the characters `${`. What a variable holds is not resolved
/// again.
pub(crate) fn resolve(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, PlaceholderError> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            resolved.push_str(&rest[..start]);
            resolved.push('{');
            rest = &rest[start + 2..];
            continue;
        }
        resolved.push_str(&rest[..start]);
        let inner = &rest[start + 2..];
        let end = inner.find('}').ok_or(PlaceholderError::Unclosed)?;
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        let named = !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named {
            return Err(PlaceholderError::BadName(name.to_owned()));
        }
        match (lookup(name), default) {
            (Some(value), None) => resolved.push_str(&value),
            (Some(value), Some(_)) if !value.is_empty() => resolved.push_str(&value),
            (_, Some(default)) => resolved.push_str(default),
            (None, None) => return Err(PlaceholderError::Unset(name.to_owned())),
        }
        rest = &inner[end + 1..];
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// The text that [`resolve`] turns back into `text`.
pub(crate) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("t-1".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${TOKEN}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn resolves_names_defaults_and_escapes() {
        for (text, expected) in [
            ("plain $5 {x}", "plain $5 {x}"),
            ("${TOKEN}", "t-1"),
            ("a${TOKEN}b${TOKEN}", "at-1bt-1"),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("${UNSET:-}", ""),
            ("${UNSET:-http://h:1/p}", "http://h:1/p"),
            ("${NESTED}", "${TOKEN}"),
            ("$${TOKEN}", "${TOKEN}"),
        ] {
            assert_eq!(resolve(text, &lookup).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(resolve("${UNSET}", &lookup), Err(PlaceholderError::Unset("UNSET".to_owned())));
        assert_eq!(resolve("${TOKEN", &lookup), Err(PlaceholderError::Unclosed));
        assert_eq!(resolve("${A B}", &lookup), Err(PlaceholderError::BadName("A B".to_owned())));
        assert_eq!(resolve("${}", &lookup), Err(PlaceholderError::BadName(String::new())));
    }

    #[test]
    fn escaping_is_undone_by_resolving() {
        for text in ["${TOKEN}", "$${x}", "$$${", "plain", "${", "$"] {
            assert_eq!(resolve(&escape(text), &lookup).as_deref(), Ok(text));
        }
    }
}
