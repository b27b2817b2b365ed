//! The front matter: where it ends, and its fields.
//!
//! It is YAML. Many skills in the world are written by hand and by models, and not all of their heads are: a colon in an unquoted
//! description is the usual reason. When the whole can't be read, each top-level field is read alone, and
//!
//! - tabs that indent become spaces, and lines of JSON at the margin are moved in;
//! - a field that is only text (name, description, …) is taken as it is written;
//! - a field that decides what is run or reached (permissions, entrypoint, …) must be YAML: the skill is refused;
//! - any other is passed over.
//!
//! Each of these is a warning. What is YAML and refused, such as a field that is there twice, stays refused.

use serde_json::Value;

use super::{
    FILE_BYTES, HEAD_BYTES, ManifestError,
    yaml::{self, Field, Unreadable},
};

/// Fields that are taken as plain text where they are no YAML.
const TEXTS: [&str; 7] = ["name", "description", "version", "author", "license", "homepage", "compatibility"];
/// Fields that are never passed over.
const DECIDING: [&str; 10] = [
    "permissions",
    "entrypoint",
    "mcp",
    "type",
    "runtime",
    "timeout",
    "parameters",
    "stateless",
    "triggers",
    "disable-model-invocation",
];

/// A file in its two parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    pub(super) head: &'t str,
    /// The line of the file on which the head's first line stands.
    pub(super) head_line: usize,
    pub(super) body: &'t str,
    /// The line of the file on which the body's first line stands.
    pub(super) body_line: usize,
}

/// Finds the head between the first two lines `---`; only blank lines may stand before it.
pub(super) fn split(text: &str) -> Result<Parts<'_>, ManifestError> {
    if text.len() > FILE_BYTES {
        return Err(ManifestError::TooLong);
    }
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 0;
    let mut next = |rest: &mut &'_ str| {
        let (first, behind) = match rest.find('\n') {
            Some(end) => (&rest[..=end], &rest[end + 1..]),
            None => (*rest, ""),
        };
        *rest = behind;
        line += 1;
        (first.len(), first.trim_end() == "---", first.trim().is_empty(), line)
    };
    let open = loop {
        if rest.is_empty() {
            return Err(ManifestError::NoHead);
        }
        match next(&mut rest) {
            (_, true, _, line) => break line,
            (_, _, true, _) => {}
            _ => return Err(ManifestError::NoHead),
        }
    };
    let (start, mut length) = (rest, 0);
    while !rest.is_empty() {
        let (bytes, is_end, _, line) = next(&mut rest);
        if is_end {
            return Ok(Parts {
                head: &start[..length],
                head_line: open + 1,
                body: rest,
                body_line: line + 1,
            });
        }
        length += bytes;
        if length > HEAD_BYTES {
            return Err(ManifestError::HeadTooLong);
        }
    }
    Err(ManifestError::Unclosed { line: open })
}

/// The head's fields, their lines those of the file, their keys in lower case with hyphens.
pub(super) fn fields(parts: &Parts<'_>, warnings: &mut Vec<String>) -> Result<Vec<Field>, ManifestError> {
    let failed = |error: Unreadable| ManifestError::Syntax {
        line: error.line + parts.head_line - 1,
        message: error.message,
    };
    let mut fields = match yaml::read(parts.head) {
        Ok(fields) => fields,
        Err(error) if error.is_syntax => rescue(parts, &error, warnings).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    };
    for index in 0..fields.len() {
        let (before, rest) = fields.split_at_mut(index);
        let Some(field) = rest.first_mut() else { break };
        field.key = normal(&field.key);
        field.line += parts.head_line - 1;
        if let Some(first) = before.iter().find(|first| first.key == field.key) {
            let message = yaml::twice(&field.key, first.line);
            return Err(ManifestError::Syntax { line: field.line, message });
        }
    }
    Ok(fields)
}

/// `Allowed_Tools`, `allowedTools` and `allowed-tools` are one field.
fn normal(key: &str) -> String {
    let (mut normal, mut before) = (String::new(), ' ');
    for character in key.trim().chars() {
        if character.is_ascii_uppercase() && before.is_ascii_lowercase() {
            normal.push('-');
        }
        normal.push(if character == '_' { '-' } else { character.to_ascii_lowercase() });
        before = character;
    }
    normal
}

/// Reads each field alone; `whole` is why they could not be read together.
fn rescue(
    parts: &Parts<'_>,
    whole: &Unreadable,
    warnings: &mut Vec<String>,
) -> Result<Vec<Field>, Unreadable> {
    let mut fields = Vec::new();
    let chunks = chunks(parts.head);
    if chunks.is_empty() {
        return Err(whole.clone());
    }
    for (key, line, text) in chunks {
        let place = |mut error: Unreadable| {
            error.line += line - 1;
            error
        };
        let read = yaml::read(text).or_else(|error| {
            if error.is_syntax { yaml::read(&indented(text)).map_err(|_| error) } else { Err(error) }
        });
        match read {
            Ok(read) => fields.extend(read.into_iter().map(|mut field| {
                field.line += line - 1;
                field
            })),
            Err(error) if !error.is_syntax => return Err(place(error)),
            Err(error) => {
                let file_line = line + parts.head_line - 1;
                let error = place(error);
                if TEXTS.contains(&normal(key).as_str()) {
                    let text = plain_text(text);
                    let value = Value::String(text.clone());
                    fields.push(Field { key: key.to_owned(), line, value, text: Some(text) });
                    warnings.push(format!(
                        "`{key}` (line {file_line}) is no valid YAML and was taken as plain text: {}",
                        error.message
                    ));
                } else if DECIDING.contains(&normal(key).as_str()) {
                    return Err(error);
                } else {
                    warnings.push(format!(
                        "`{key}` (line {file_line}) can't be read and is passed over: {}",
                        error.message
                    ));
                }
            }
        }
    }
    if warnings.is_empty() {
        let line = whole.line + parts.head_line - 1;
        warnings.push(format!(
            "the front matter is no valid YAML (line {line}) and was mended: {}",
            whole.message
        ));
    }
    Ok(fields)
}

/// The top-level fields as `(key, line, text)`: each a line that begins with a word and a colon, and what follows it.
fn chunks(head: &str) -> Vec<(&str, usize, &str)> {
    let mut starts = Vec::new();
    let mut at = 0;
    for (index, line) in head.split_inclusive('\n').enumerate() {
        let word = line.split_once(':').map_or("", |(word, _)| word);
        let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            && !word.is_empty();
        if is_word && !word.starts_with('-') {
            starts.push((word, index + 1, at));
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).map(|(_, _, at)| *at).chain([head.len()]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(|((key, line, at), end)| (key, line, &head[at..end])).collect()
}

/// The field with spaces for tabs, and everything behind its first line moved in, as YAML wants it.
fn indented(text: &str) -> String {
    let mut lines = text.lines();
    let mut indented = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let content = line.trim_start();
        let margin = line.len() - content.len();
        let margin: usize =
            line[..margin].chars().map(|character| if character == '\t' { 2 } else { 1 }).sum();
        indented.push('\n');
        indented.extend(std::iter::repeat_n(' ', margin + 2));
        indented.push_str(content);
    }
    indented.push('\n');
    indented
}

/// The field's value as somebody who knows no YAML means it: one line of text, without quotes around it.
fn plain_text(text: &str) -> String {
    let value = text.split_once(':').map_or("", |(_, value)| value).trim_start_matches([' ', '\t']);
    // A block's mark stands alone on its line.
    let value = match value.split_once('\n') {
        Some((mark, rest)) if matches!(mark.trim_end(), "|" | ">" | "|-" | ">-" | "|+" | ">+") => rest,
        _ => value,
    };
    let mut words = Vec::new();
    for line in value.lines().filter(|line| !line.starts_with('#')) {
        words.extend(line.split_whitespace());
    }
    let line = words.join(" ");
    for quote in ['"', '\''] {
        let inside = line.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inside) = inside {
            return inside.to_owned();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    type Shown = (Vec<(String, String)>, Vec<String>);

    fn read(text: &str) -> Result<Shown, ManifestError> {
        let mut warnings = Vec::new();
        let fields = fields(&split(text)?, &mut warnings)?;
        let shown = fields.into_iter().map(|field| {
            let value = field.text.unwrap_or_else(|| field.value.to_string());
            (field.key, value)
        });
        Ok((shown.collect(), warnings))
    }

    #[test]
    fn finds_the_two_parts() {
        let parts = split("---\nname: x\n---\nBody\n---\nmore\n").unwrap();
        assert_eq!((parts.head, parts.head_line), ("name: x\n", 2));
        assert_eq!((parts.body, parts.body_line), ("Body\n---\nmore\n", 4));
        let parts = split("\u{feff}\r\n---\r\nname: x\r\n--- \r\n").unwrap();
        assert_eq!((parts.head, parts.head_line, parts.body), ("name: x\r\n", 3, ""));
        assert_eq!(split("---\n---").unwrap().head, "");
        for text in ["", "\n\n", "# Weather", "name: x\n---\n", "----\n---\n"] {
            assert_eq!(split(text), Err(ManifestError::NoHead), "{text}");
        }
        for text in ["---", "---\n", "---\nname: x\n", "---\nname: x\n ---\n"] {
            assert_eq!(split(text), Err(ManifestError::Unclosed { line: 1 }), "{text}");
        }
    }

    #[test]
    fn both_parts_are_bounded() {
        let long = "x".repeat(FILE_BYTES + 1);
        assert_eq!(split(&long), Err(ManifestError::TooLong));
        let head = format!("---\na: {}\n---\n", "x".repeat(HEAD_BYTES));
        assert_eq!(split(&head), Err(ManifestError::HeadTooLong));
    }

    #[test]
    fn a_text_with_a_colon_is_taken_as_it_is_written() {
        let text =
            "---\nname: x\ndescription: Use it for: weather,\n  and \"more\": too\nversion: 1.0\n---\n";
        let (fields, warnings) = read(text).unwrap();
        let expected = [
            ("name".to_owned(), "x".to_owned()),
            ("description".to_owned(), "Use it for: weather, and \"more\": too".to_owned()),
            ("version".to_owned(), "1.0".to_owned()),
        ];
        assert_eq!(fields, expected);
        assert!(warnings.len() == 1 && warnings[0].contains("`description` (line 3)"), "{warnings:?}");
        for (value, expected) in [
            ("[beta] reads mail", "[beta] reads mail"),
            ("*the* best", "*the* best"),
            ("@home control", "@home control"),
            ("\"quoted\" and: more", "\"quoted\" and: more"),
            ("'it's fine'", "it's fine"),
            ("100% `pure`: yes", "100% `pure`: yes"),
        ] {
            let (fields, _) = read(&format!("---\ndescription: {value}\n---\n")).unwrap();
            assert_eq!(fields[0].1, expected);
        }
    }

    #[test]
    fn json_at_the_margin_and_tabs_are_mended() {
        let text = "---\nname: x\nmetadata:\n{\n\t\"openclaw\": {\n\t\t\"emoji\": \"x\",\n\t},\n}\n---\n";
        let (fields, warnings) = read(text).unwrap();
        assert_eq!(fields[1], ("metadata".to_owned(), r#"{"openclaw":{"emoji":"x"}}"#.to_owned()));
        assert!(warnings.len() <= 1, "{warnings:?}");
    }

    #[test]
    fn what_decides_is_never_guessed() {
        let text = "---\nname: x\ndescription: a: b\npermissions: [shell\n---\n";
        assert!(matches!(read(text), Err(ManifestError::Syntax { .. })));
        let text = "---\nname: x\nmetadata: {\"a\": \"b\" \"c\"}\n---\n";
        let (fields, warnings) = read(text).unwrap();
        assert_eq!(fields.len(), 1);
        assert!(warnings[0].contains("`metadata` (line 3)"), "{warnings:?}");
    }

    #[test]
    fn a_field_is_given_once() {
        for text in [
            "---\nname: x\nname: y\n---\n",
            "---\nname: x\nName: y\n---\n",
            "---\ndescription: a: b\npermissions: [shell]\npermissions: []\n---\n",
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("twice"), "{error}");
        }
        for key in ["Allowed_Tools", "allowedTools", "ALLOWED-TOOLS", "allowed-tools"] {
            assert_eq!(read(&format!("---\n{key}: x\n---\n")).unwrap().0[0].0, "allowed-tools");
        }
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let error = read("\n\n---\nname: x\nmcp: [a\n---\n").unwrap_err();
        assert!(matches!(error, ManifestError::Syntax { line: 5 | 6, .. }), "{error:?}");
    }
}
