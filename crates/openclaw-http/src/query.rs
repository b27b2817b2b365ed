//! The query string, read strictly: what is given must be meant.

use std::{borrow::Cow, str::FromStr};

use openclaw_core::{Failure, Timestamp};

/// The parameters of a query string.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(crate) fn parse(query: Option<&'a str>) -> Result<Self, Failure> {
        let mut parameters = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = crate::text::decode(name, true)
                .ok_or_else(|| Failure::bad_field("query", "has a broken escape in a name"))?;
            let value = crate::text::decode(value, true)
                .ok_or_else(|| Failure::bad_field(&name, "has a broken escape, or is not UTF-8"))?;
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The value of `name`; of several, the last.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// A whole number between `least` and `most`.
    pub(crate) fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (least..=most).contains(&number) => Ok(Some(number)),
            _ if most == usize::MAX => {
                Err(Failure::bad_field(name, format!("must be a whole number of at least {least}")))
            }
            _ => Err(Failure::bad_field(name, format!("must be a whole number between {least} and {most}"))),
        }
    }

    /// Whether something is wanted; not, when unsaid.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.choice(name, &[("true", true), ("false", false)])?.unwrap_or(false))
    }

    /// A point in time.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Failure> {
        self.parsed(name)
    }

    /// Anything that reads itself from text and says what it must be.
    pub(crate) fn parsed<T: FromStr<Err: ToString>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let parse =
            |text: &str| text.parse().map_err(|error: T::Err| Failure::bad_field(name, error.to_string()));
        self.get(name).map(parse).transpose()
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(Failure::bad_field(name, format!("must be one of {}", words.join(", "))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_names_what_is_wrong() {
        let query =
            Query::parse(Some("limit=20&since=2026-03-20T00:00:00+09:00&a=%E5%B0%8D&x&level=warn")).unwrap();
        assert_eq!(query.number("limit", 1, 100), Ok(Some(20)));
        assert_eq!(query.number("offset", 0, usize::MAX), Ok(None));
        assert_eq!(query.time("since").unwrap().unwrap().to_string(), "2026-03-19T15:00:00Z");
        assert_eq!(query.get("a"), Some("對"));
        assert_eq!(query.get("x"), Some(""));
        assert_eq!(query.choice("level", &[("info", 1), ("warn", 2)]), Ok(Some(2)));
        for text in [
            "limit=0",
            "limit=101",
            "limit=",
            "limit=+5",
            "limit=1.5",
            "limit=-1",
            "limit=99999999999999999999",
        ] {
            let failure = Query::parse(Some(text)).unwrap().number("limit", 1, 100).unwrap_err();
            assert_eq!(failure.details["field"], "limit", "{text}");
        }
        assert!(Query::parse(Some("since=yesterday")).unwrap().time("since").is_err());
        assert!(Query::parse(Some("q=%ff")).is_err());
    }
}
