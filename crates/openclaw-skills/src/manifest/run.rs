//! What is run, on what, for how long: `entrypoint`, `mcp`, `runtime`, `timeout`.

use std::time::Duration;

use serde_json::Value;

use super::{
    Runtime,
    fields::{flag, word},
};

/// Most words of a command.
const ARGUMENTS: usize = 64;
/// Longest word of a command, in bytes.
const ARGUMENT_BYTES: usize = 4096;
/// Longest call.
const MOST_TIME: Duration = Duration::from_secs(300);

/// A program and its arguments: a list, a text that is split at spaces, or `{command, args}`. Errors of this module go on where
/// the field's name ends.
pub(super) fn command(value: &Value) -> Result<Vec<String>, String> {
    let shape = || "must be a list such as `[python3, main.py]`, or one text without quotes".to_owned();
    let words = match value {
        Value::String(text) if text.contains(['"', '\'', '\\', '$', '`']) => {
            // It would need a shell's rules to split.
            return Err(
                "has quotes or other signs of a shell: write it as a list, such as `[python3, main.py]`"
                    .into(),
            );
        }
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(items) => items.iter().map(word).collect::<Option<Vec<_>>>().ok_or_else(shape)?,
        Value::Object(entries) => {
            let mut words = entries.get("command").map(command).transpose()?.ok_or_else(shape)?;
            match entries.get("args") {
                None | Some(Value::Null) => {}
                Some(Value::Array(items)) => {
                    words.extend(items.iter().map(word).collect::<Option<Vec<_>>>().ok_or_else(shape)?);
                }
                Some(_) => return Err(shape()),
            }
            words
        }
        _ => return Err(shape()),
    };
    if words.first().is_none_or(String::is_empty) {
        return Err("names no program".to_owned());
    }
    if words.len() > ARGUMENTS || words.iter().any(|word| word.len() > ARGUMENT_BYTES) {
        return Err(format!("may have {ARGUMENTS} words of {ARGUMENT_BYTES} bytes"));
    }
    if words.iter().any(|word| word.contains(['\0', '\n', '\r'])) {
        return Err("has line breaks or zero bytes in it".to_owned());
    }
    Ok(words)
}

/// Whether it is an MCP server, and its command when that stands here: `true`, a command, or `{command, args}`.
pub(super) fn mcp(value: &Value) -> Result<(bool, Option<Vec<String>>), String> {
    if let Some(is_server) = flag(value) {
        return Ok((is_server, None));
    }
    if let Value::Object(entries) = value {
        let transport = entries.get("transport").or_else(|| entries.get("type")).and_then(Value::as_str);
        if entries.contains_key("url") || transport.is_some_and(|transport| transport != "stdio") {
            return Err(
                "names a server elsewhere: only servers on stdin and stdout are run; give its `command`"
                    .into(),
            );
        }
        if !entries.contains_key("command") {
            return Ok((true, None));
        }
    }
    command(value).map(|words| (true, Some(words)))
}

/// `host`, an image's name, or a mapping with an `image`. Second: a warning.
pub(super) fn runtime(value: &Value) -> Result<(Runtime, Option<String>), String> {
    match value {
        Value::String(text) => named(text.trim()),
        Value::Object(entries) => {
            let of = |key: &str| entries.get(key).and_then(Value::as_str);
            match of("image").or_else(|| of("container")).or_else(|| of("name")) {
                Some(image) => named(image.trim()),
                None => match of("type").or_else(|| of("engine")).or_else(|| of("kind")) {
                    Some(kind) => named(kind.trim()),
                    None => {
                        Err("must name an image, such as `{image: \"python:3.12-slim\"}`, or be `host`"
                            .into())
                    }
                },
            }
        }
        _ => Err("must be `host` or an image such as `python:3.12-slim`".to_owned()),
    }
}

fn named(text: &str) -> Result<(Runtime, Option<String>), String> {
    match text.to_ascii_lowercase().as_str() {
        "" | "host" | "native" | "none" | "local" => Ok((Runtime::Host, None)),
        "container" | "docker" | "podman" | "sandbox" => Ok((
            Runtime::Host,
            Some(format!(
                "`runtime: {text}` names no image; the host's interpreters are used (`runtime: host`)"
            )),
        )),
        // Without a tag these are kinds of programs to most authors, not images.
        "python" | "python3" | "node" | "nodejs" | "bash" | "sh" | "shell" => Ok((
            Runtime::Host,
            Some(format!(
                "`runtime: {text}` is taken for the host's own interpreter; an image needs a tag, such as `{text}:latest`"
            )),
        )),
        _ if is_image(text) => Ok((Runtime::Image(text.to_owned()), None)),
        _ => Err(format!("can't be `{text}`: it must be `host` or an image such as `python:3.12-slim`")),
    }
}

/// Looks like an image's name: no spaces, and nothing a container engine could take for an option.
fn is_image(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    text.len() <= 255
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(inner)
        && !text.contains("//")
        && !text.contains("..")
        && !text.ends_with([':', '/', '@'])
}

/// `30` and `30s` (seconds), `2m`, `1500ms`.
pub(super) fn timeout(value: &Value) -> Result<Duration, String> {
    let wrong = || "must be 1 to 300 seconds, such as `30`, `30s`, `2m` or `1500ms`".to_owned();
    let text = word(value).ok_or_else(wrong)?.to_ascii_lowercase();
    let digits = text.trim().trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = &text.trim()[digits.len()..];
    let seconds_each = match unit {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "ms" | "millis" | "milliseconds" => 0.001,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    let time = Duration::try_from_secs_f64(number * seconds_each).map_err(|_| wrong())?;
    if (Duration::from_secs(1)..=MOST_TIME).contains(&time) { Ok(time) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_lists_or_plain_texts() {
        let expected = ["python3", "main.py", "8"];
        for value in [
            json!(["python3", "main.py", 8]),
            json!("python3  main.py 8"),
            json!({"command": "python3", "args": ["main.py", "8"]}),
            json!({"command": ["python3", "main.py", "8"]}),
        ] {
            assert_eq!(command(&value).unwrap(), expected, "{value}");
        }
        for value in [
            json!(""),
            json!([]),
            json!([""]),
            json!(null),
            json!({}),
            json!({"args": ["x"]}),
            json!([["x"]]),
            json!("sh -c 'x y'"),
            json!("echo $HOME"),
            json!(["a\0b"]),
            json!(vec!["x"; 65]),
            json!(["x".repeat(5000)]),
        ] {
            assert!(command(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn an_mcp_server_may_bring_its_command() {
        assert_eq!(mcp(&json!(true)).unwrap(), (true, None));
        assert_eq!(mcp(&json!("no")).unwrap(), (false, None));
        assert_eq!(mcp(&json!({})).unwrap(), (true, None));
        let command = Some(vec!["node".to_owned(), "server.js".to_owned()]);
        assert_eq!(mcp(&json!({"command": ["node", "server.js"]})).unwrap(), (true, command.clone()));
        assert_eq!(mcp(&json!("node server.js")).unwrap(), (true, command));
        assert!(mcp(&json!({"url": "https://example.com/mcp"})).unwrap_err().contains("stdin"));
        assert!(mcp(&json!({"transport": "sse", "command": "x"})).is_err());
    }

    #[test]
    fn runtimes_are_the_host_or_an_image() {
        for host in
            [json!("host"), json!("Host"), json!("python"), json!("docker"), json!({"type": "container"})]
        {
            assert_eq!(runtime(&host).unwrap().0, Runtime::Host, "{host}");
        }
        assert_eq!(runtime(&json!("host")).unwrap().1, None);
        assert!(runtime(&json!("node")).unwrap().1.is_some());
        for image in ["alpine", "python:3.12-slim", "docker.io/library/node@sha256:0123abcd"] {
            let expected = Runtime::Image(image.to_owned());
            assert_eq!(runtime(&json!(image)).unwrap().0, expected);
            assert_eq!(runtime(&json!({"type": "container", "image": image})).unwrap().0, expected);
        }
        for bad in ["--privileged", "a b", "../x", "x:", "a//b", "a;b"] {
            assert!(runtime(&json!(bad)).is_err(), "{bad}");
        }
        assert!(runtime(&json!(7)).is_err());
        assert!(runtime(&json!({})).is_err());
    }

    #[test]
    fn times_have_units_and_bounds() {
        for (value, millis) in [
            (json!(30), 30_000),
            (json!(2.5), 2_500),
            (json!("30"), 30_000),
            (json!("30s"), 30_000),
            (json!("30 Seconds"), 30_000),
            (json!("2m"), 120_000),
            (json!("1500ms"), 1_500),
            (json!(300), 300_000),
        ] {
            assert_eq!(timeout(&value).unwrap(), Duration::from_millis(millis), "{value}");
        }
        for bad in [
            json!(0),
            json!(-1),
            json!(301),
            json!(30_000),
            json!("5h"),
            json!("500ms"),
            json!("soon"),
            json!(""),
            json!("inf"),
            json!("nan"),
            json!("1e999"),
            json!([30]),
        ] {
            assert!(timeout(&bad).is_err(), "{bad}");
        }
    }
}
