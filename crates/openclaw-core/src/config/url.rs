//! Addresses that may hold secrets.

use std::borrow::Cow;

use serde::Serializer;

use crate::REDACTED;

/// The address with the values of its query replaced by [`REDACTED`]: some services take their key there.
#[must_use]
pub fn presentable_url(url: &str) -> Cow<'_, str> {
    let Some((address, rest)) = url.split_once('?') else { return Cow::Borrowed(url) };
    let (query, fragment) = rest.split_once('#').map_or((rest, None), |(query, end)| (query, Some(end)));
    let mut shown = format!("{address}?");
    for (index, pair) in query.split('&').enumerate() {
        if index > 0 {
            shown.push('&');
        }
        match pair.split_once('=') {
            Some((name, value)) if !value.is_empty() => {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(REDACTED);
            }
            // A name alone may be the key itself.
            None if !pair.is_empty() => shown.push_str(REDACTED),
            _ => shown.push_str(pair),
        }
    }
    if let Some(fragment) = fragment {
        shown.push('#');
        shown.push_str(fragment);
    }
    Cow::Owned(shown)
}

/// Whether the address names a user, with or without a password.
pub(super) fn has_user(url: &str) -> bool {
    let rest = url.split_once(':').map_or(url, |(_, rest)| rest);
    // Readers of addresses pass over further slashes, whichever way they lean.
    let rest = rest.trim_start_matches(['/', '\\']);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or_default().contains('@')
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub(super) fn serialize<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match url {
        Some(url) => serializer.serialize_some(&*presentable_url(url)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ChannelConfig, Config, ProviderConfig, ProviderKind};

    #[test]
    fn values_of_a_query_are_not_shown() {
        for (url, shown) in [
            ("https://a.example/v1", "https://a.example/v1"),
            (
                "https://a.example/v1?v=2&key=canary#x",
                "https://a.example/v1?v=***REDACTED***&key=***REDACTED***#x",
            ),
            ("https://a.example?canary", "https://a.example?***REDACTED***"),
            ("https://a.example?", "https://a.example?"),
        ] {
            assert_eq!(presentable_url(url), shown);
        }
    }

    #[test]
    fn users_are_found_in_the_authority_only() {
        for url in
            ["https://u:p@a.example/v1", "https://u@a.example", "http:///u:p@a.example", "http:\\\\u@a"]
        {
            assert!(has_user(url), "{url}");
        }
        for url in ["https://a.example/@me", "https://a.example?x=@", "https://a.example#@", "http://a:80"] {
            assert!(!has_user(url), "{url}");
        }
    }

    #[test]
    fn a_configuration_neither_takes_nor_shows_them() {
        let mut config = Config::default();
        let mut provider = ProviderConfig::new(ProviderKind::OpenAi);
        provider.base_url = Some("https://me:canary@a.example/v1?key=canary".to_owned());
        let channel = ChannelConfig { base_url: provider.base_url.clone(), ..ChannelConfig::default() };
        config.providers.insert("primary".to_owned(), provider);
        config.channels.insert("telegram".to_owned(), channel);
        let problems = config.validate().unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys[1..], ["providers.primary.base_url", "channels.telegram.base_url"]);
        assert!(problems[1].reason.contains("`api_key`"), "{}", problems[1]);
        assert!(!format!("{problems:?}").contains("canary"));
        let shown = serde_json::to_string(&config).unwrap();
        assert!(!shown.contains("key=canary"), "{shown}");
    }
}
