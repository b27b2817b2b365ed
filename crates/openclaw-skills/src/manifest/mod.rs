//! `SKILL.md`: what a skill says of itself.
//!
//! A front matter in YAML and a text behind it, in the Agent Skills format with this gateway's additions. Reading is strict where a
//! field decides what is run or reached, and lenient where it only describes: what was mended or passed over is a warning.

mod arguments;
mod error;
mod fields;
mod head;
mod permissions;
mod requires;
mod run;
mod schema;
mod table;
#[cfg(test)]
mod tests;
mod types;
mod words;
mod yaml;

use std::time::Duration;

use openclaw_core::Permissions;
use serde_json::{Value, json};

pub(crate) use self::arguments::check_arguments;
pub(crate) use self::error::ManifestError;
use self::fields::{Fields, cut, one_line, wrong};
pub(crate) use self::schema::of_server as schema_of_server;
use crate::name::{check_name, check_version};

/// The version of a skill that says none.
pub(crate) const NO_VERSION: &str = "0.0.0";
/// Longest `SKILL.md`, in bytes.
pub(crate) const FILE_BYTES: usize = 256 * 1024;
/// Longest front matter, in bytes.
const HEAD_BYTES: usize = 64 * 1024;
/// Longest description that reaches the model, in characters, as the Agent Skills format has it.
const DESCRIPTION: usize = 1024;
/// Longest author, license and so on, in characters.
const SHORT: usize = 256;
/// Most warnings that are kept.
const WARNINGS: usize = 32;
/// Most triggers.
const TRIGGERS: usize = 64;

/// What the front matter and the text behind it say, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    /// `[a-z0-9][a-z0-9._-]{0,63}`.
    pub(crate) name: String,
    /// What it does and when to use it, for the model; one line, not empty, at most 1024 characters.
    pub(crate) description: String,
    /// `0.0.0` when it says none.
    pub(crate) version: String,
    pub(crate) author: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) homepage: Option<String>,
    /// What it runs on.
    pub(crate) runtime: Runtime,
    /// Wall-clock time of a call; `None`: the configured default. 1 to 300 s.
    pub(crate) timeout: Option<Duration>,
    /// What it asks for.
    pub(crate) permissions: Permissions,
    /// JSON Schema of the arguments (an object); `None`: it says nothing about them.
    pub(crate) parameters: Option<Value>,
    /// Words that tell when it is meant.
    pub(crate) triggers: Vec<String>,
    /// The program to run and its arguments, as the front matter names them.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// Whether the entry point is an MCP server on stdio.
    pub(crate) mcp: bool,
    /// Whether one running server may serve several conversations.
    pub(crate) stateless: bool,
    /// Whether it is offered to the model; `disable-model-invocation: true` says no.
    pub(crate) for_model: bool,
    /// Programs it needs in its sandbox, all of them: `metadata.openclaw.requires.bins`.
    pub(crate) needs_programs: Vec<String>,
    /// Programs of which it needs one: `metadata.openclaw.requires.anyBins`.
    pub(crate) needs_any_program: Vec<String>,
    /// What was passed over or mended while reading, in words for its author.
    pub(crate) warnings: Vec<String>,
    /// The Markdown behind the front matter.
    pub(crate) body: String,
}

/// What a skill runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// The host's interpreters, on a read-only view of its system directories.
    #[default]
    Host,
    /// An image, by its name.
    Image(String),
}

impl Manifest {
    /// Reads a whole `SKILL.md`.
    ///
    /// # Errors
    ///
    /// The first thing that keeps it from being used, with its line and what to do about it.
    pub(crate) fn parse(text: &str) -> Result<Self, ManifestError> {
        Self::parse_as(text, None)
    }

    /// The same for a skill that goes by a name already, that of its folder: it stands for a name that is missing or can't be one.
    pub(crate) fn parse_as(text: &str, folder: Option<&str>) -> Result<Self, ManifestError> {
        let mut warnings = Vec::new();
        let parts = head::split(text)?;
        let mut fields = Fields::new(head::fields(&parts, &mut warnings)?);

        let name = name(&mut fields, folder, &mut warnings)?;
        let description = description(&mut fields, parts.body, &mut warnings)?;
        let permissions = match fields.take("permissions") {
            None => Permissions::default(),
            Some(field) => permissions::read(&field.value).map_err(|reason| wrong(&field, reason))?,
        };
        let metadata = fields.take("metadata").map(|field| field.value);
        let requires = metadata.map(|value| requires::read(&value, &permissions, &mut warnings));
        let requires = requires.unwrap_or_default();
        let version = version(&mut fields, requires.version, &mut warnings)?;
        let (entrypoint, mcp) = entry(&mut fields)?;
        let runtime = match fields.take("runtime") {
            None => Runtime::Host,
            Some(field) => {
                let (runtime, warning) =
                    run::runtime(&field.value).map_err(|reason| wrong(&field, reason))?;
                warnings.extend(warning);
                runtime
            }
        };
        let timeout = match fields.take("timeout") {
            None => None,
            Some(field) => Some(run::timeout(&field.value).map_err(|reason| wrong(&field, reason))?),
        };
        let parameters = match fields.take("parameters") {
            Some(field) => Some(schema::read(&field.value).map_err(|reason| wrong(&field, reason))?),
            None => table::read(parts.body, parts.body_line, &mut warnings)?,
        };
        let homepage = fields.text("homepage")?.or(requires.homepage);
        let homepage = homepage.filter(|address| {
            let is_web = address.starts_with("https://") || address.starts_with("http://");
            if !is_web {
                warnings.push("`homepage` is no https:// address and is passed over".to_owned());
            }
            is_web
        });
        if fields.take("allowed-tools").is_some() {
            warnings.push(
                "`allowed-tools` has no effect here: what a skill may reach is what its `permissions` ask for"
                    .to_owned(),
            );
        }
        let manifest = Self {
            name,
            description,
            version,
            author: author(&mut fields).or(requires.author).map(|text| short(&text)),
            license: fields.text("license")?.map(|text| short(&text)),
            homepage: homepage.map(|text| short(&text)),
            runtime,
            timeout,
            permissions,
            parameters,
            triggers: triggers(&mut fields)?,
            entrypoint,
            mcp,
            stateless: fields.flag("stateless")?.unwrap_or_default(),
            for_model: !fields.flag("disable-model-invocation")?.unwrap_or_default(),
            needs_programs: requires.programs,
            needs_any_program: requires.any_program,
            warnings: Vec::new(),
            body: parts.body.to_owned(),
        };
        fields.finish(&mut warnings);
        warnings.truncate(WARNINGS);
        Ok(Self { warnings, ..manifest })
    }

    /// The schema of a call's arguments; of any object when the skill says nothing about them.
    pub(crate) fn tool_schema(&self) -> Value {
        let open = || json!({"type": "object", "properties": {}, "additionalProperties": true});
        self.parameters.clone().unwrap_or_else(open)
    }
}

fn name(
    fields: &mut Fields,
    folder: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<String, ManifestError> {
    const HINT: &str = "`name: ` and the name of the skill's folder";
    let folder = folder.filter(|name| check_name(name).is_ok());
    let Some(field) =
        fields.take("name").filter(|field| field.text.as_ref().is_none_or(|text| !text.trim().is_empty()))
    else {
        let name = folder.ok_or(ManifestError::Missing { field: "name", hint: HINT })?;
        warnings.push(format!("it has no `name`; its folder's, `{name}`, stands for it"));
        return Ok(name.to_owned());
    };
    let Some(text) = field.text.as_deref().map(one_line) else {
        return Err(wrong(&field, "must be a text"));
    };
    if check_name(&text).is_ok() {
        return Ok(text);
    }
    // `Web Search` is what people call `web-search`.
    let mended = text.to_lowercase().replace(' ', "-");
    if check_name(&mended).is_err() {
        let shown = cut(&text, 100);
        if let Some(name) = folder {
            warnings.push(format!("`name` can't be `{shown}`; the folder's, `{name}`, stands for it"));
            return Ok(name.to_owned());
        }
        let reason = format!(
            "can't be `{shown}`: it must be 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"
        );
        return Err(wrong(&field, reason));
    }
    warnings.push(format!("the name `{text}` is read as `{mended}`; write it so"));
    Ok(mended)
}

fn description(fields: &mut Fields, body: &str, warnings: &mut Vec<String>) -> Result<String, ManifestError> {
    let text = match fields.text("description")? {
        Some(text) => text,
        None => {
            let text = first_paragraph(body).ok_or(ManifestError::Missing {
                field: "description",
                hint: "`description: ` and what the skill does and when to use it",
            })?;
            warnings
                .push("it has no `description`; the first paragraph of its text stands for it".to_owned());
            text
        }
    };
    let kept = cut(&text, DESCRIPTION);
    if kept.len() < text.len() {
        warnings
            .push(format!("`description` is cut after {DESCRIPTION} characters; models see no more of it"));
    }
    Ok(kept.to_owned())
}

/// The first lines that are text, as one.
fn first_paragraph(body: &str) -> Option<String> {
    let is_text = |line: &&str| {
        let line = line.trim();
        !line.is_empty()
            && !line.starts_with(['#', '|', '<'])
            && !line.starts_with("```")
            && !line.starts_with("---")
    };
    let lines: Vec<_> = body.lines().skip_while(|line| !is_text(line)).take_while(is_text).collect();
    Some(one_line(&lines.join(" "))).filter(|text| !text.is_empty())
}

fn version(
    fields: &mut Fields,
    from_metadata: Option<String>,
    warnings: &mut Vec<String>,
) -> Result<String, ManifestError> {
    let none = || NO_VERSION.to_owned();
    let Some(field) = fields.take("version") else {
        // Foreign metadata never makes a skill invalid.
        let version = from_metadata.map(|text| unprefixed(&text).to_owned());
        return Ok(version.filter(|version| check_version(version).is_ok()).unwrap_or_else(none));
    };
    let Some(text) = field.text.as_deref().map(one_line) else {
        return Err(wrong(&field, "must be a text such as `1.2.0`"));
    };
    let version = unprefixed(&text);
    if text.is_empty() {
        warnings.push("`version` is empty; 0.0.0 stands for it".to_owned());
        return Ok(none());
    }
    if check_version(version).is_err() {
        return Err(wrong(&field, format!("can't be `{}`; write one such as `1.2.0`", cut(&text, 80))));
    }
    Ok(version.to_owned())
}

/// `v1.2.0` is the tag of a version.
fn unprefixed(version: &str) -> &str {
    version.strip_prefix(['v', 'V']).unwrap_or(version)
}

/// The command, and whether it is an MCP server: `mcp`, or `type: mcp`.
fn entry(fields: &mut Fields) -> Result<(Option<Vec<String>>, bool), ManifestError> {
    let kind = fields.take("type");
    let mut is_server =
        kind.is_some_and(|kind| kind.text.is_some_and(|text| text.eq_ignore_ascii_case("mcp")));
    let mut command = match fields.take("entrypoint") {
        None => None,
        Some(field) => Some(run::command(&field.value).map_err(|reason| wrong(&field, reason))?),
    };
    if let Some(field) = fields.take("mcp") {
        let (is, own) = run::mcp(&field.value).map_err(|reason| wrong(&field, reason))?;
        is_server |= is;
        if own.is_some() && command.is_some() && own != command {
            return Err(wrong(&field, "names another command than `entrypoint`; keep one of them"));
        }
        command = command.or(own);
    }
    Ok((command, is_server))
}

/// A text, `{name, email}`, or a list of those. It only describes: anything else is nobody.
fn author(fields: &mut Fields) -> Option<String> {
    let field = fields.take("author")?;
    let one = |value: &Value| fields::word(value).or_else(|| fields::word(value.get("name")?));
    let text = match &field.value {
        Value::Array(all) => all.iter().filter_map(one).collect::<Vec<_>>().join(", "),
        value => one(value)?,
    };
    Some(one_line(&text)).filter(|text| !text.is_empty())
}

fn triggers(fields: &mut Fields) -> Result<Vec<String>, ManifestError> {
    let Some(field) = fields.take("triggers") else { return Ok(Vec::new()) };
    let all = match &field.value {
        Value::String(text) => text.split([',', '\n']).map(str::to_owned).collect(),
        value => fields::texts(value)
            .ok_or_else(|| wrong(&field, "must be a list of words, such as `[weather, forecast]`"))?,
    };
    let all = all.iter().map(|text| short(text)).filter(|text| !text.is_empty());
    Ok(all.take(TRIGGERS).collect())
}

/// One line of bounded length.
fn short(text: &str) -> String {
    cut(&one_line(text), SHORT).to_owned()
}

/// Any bytes: reading returns, and what it returns keeps its promises.
#[doc(hidden)]
pub fn fuzz_manifest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Manifest::parse(&text) {
        Ok(manifest) => {
            assert!(check_name(&manifest.name).is_ok() && check_version(&manifest.version).is_ok());
            assert!(!manifest.description.is_empty() && !manifest.description.contains('\n'));
            let schema = manifest.tool_schema();
            assert!(schema::check(&schema).is_ok(), "{schema}");
            // Never panics, whatever the schema.
            let _ = check_arguments(&schema, &json!({"a": [1, "x", null], "city": "x"}));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
