//! One line from an IRC server: `[@tags ][:source ]command params`.

use std::collections::HashMap;

/// A line, taken apart. Whatever it is, something comes of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tags: HashMap<String, String>,
    /// Who sent it: a server, or `nick!user@host`.
    pub(super) source: String,
    pub(super) command: String,
    pub(super) params: Vec<String>,
}

impl Line {
    pub(super) fn parse(text: &str) -> Self {
        let mut line = Self::default();
        let mut rest = text.trim_end_matches(['\r', '\n']);
        if let Some((tags, after)) = rest.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
            let pairs = tags.split(';').map(|tag| tag.split_once('=').unwrap_or((tag, "")));
            line.tags = pairs.map(|(name, value)| (name.to_owned(), unescape(value))).collect();
            rest = after.trim_start();
        }
        if let Some((source, after)) = rest.strip_prefix(':').and_then(|rest| rest.split_once(' ')) {
            source.clone_into(&mut line.source);
            rest = after.trim_start();
        }
        let (head, trailing) = rest.split_once(" :").map_or((rest, None), |(head, last)| (head, Some(last)));
        let mut words = head.split(' ').filter(|word| !word.is_empty()).map(str::to_owned);
        line.command = words.next().unwrap_or_default().to_uppercase();
        line.params = words.chain(trailing.map(str::to_owned)).collect();
        line
    }

    /// The last parameter: what is said.
    pub(super) fn last(&self) -> &str {
        self.params.last().map_or("", String::as_str)
    }

    /// The source's nickname.
    pub(super) fn nick(&self) -> &str {
        self.source.split('!').next().unwrap_or_default()
    }
}

/// A tag's value ([IRCv3 message tags](https://ircv3.net/specs/extensions/message-tags#escaping-values)).
fn unescape(value: &str) -> String {
    let mut chars = value.chars();
    std::iter::from_fn(|| match chars.next()? {
        '\\' => chars.next().map(|escaped| match escaped {
            ':' => ';',
            's' => ' ',
            'r' => '\r',
            'n' => '\n',
            other => other,
        }),
        c => Some(c),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let line = Line::parse("@account=anna;msgid=1 :Anna!a@h PRIVMSG #room :hi: there :)\r\n");
        assert_eq!((line.tags["account"].as_str(), line.nick()), ("anna", "Anna"));
        assert_eq!(
            (line.command.as_str(), line.params[0].as_str(), line.last()),
            ("PRIVMSG", "#room", "hi: there :)")
        );
        assert_eq!(Line::parse("PING abc").last(), "abc");
        assert_eq!(Line::parse(r"@msgid=a\sb\:c\\d\ :s PING x").tags["msgid"], r"a b;c\d");
        for odd in ["", ":", "@", "@a", ":x", "  ", "@a ", ": :"] {
            let _ = Line::parse(odd);
        }
    }
}
