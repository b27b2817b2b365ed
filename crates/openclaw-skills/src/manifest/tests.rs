use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Manifest {
    Manifest::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn fails(text: &str) -> String {
    Manifest::parse(text).map_or_else(|error| error.to_string(), |manifest| panic!("{manifest:?}"))
}

const FULL: &str = r#"---
name: weather
description: |
  Current weather and forecasts.
  Use for rain, wind and temperature.
version: 1.10
author: Jane Doe
license: MIT
homepage: https://example.com/weather
runtime: python:3.12-slim
timeout: 45s
permissions:
  - network:api.example.com
  - env:WEATHER_KEY
parameters:
  type: object
  properties:
    city: {type: string, description: Where}
  required: [city]
triggers: [weather, forecast]
entrypoint: [python3, main.py]
stateless: true
metadata:
  openclaw:
    requires: {bins: [curl], env: [WEATHER_KEY]}
---
# Weather

Text.
"#;

#[test]
fn reads_every_field() {
    let manifest = parse(FULL);
    let expected = Manifest {
        name: "weather".to_owned(),
        description: "Current weather and forecasts. Use for rain, wind and temperature.".to_owned(),
        version: "1.10".to_owned(),
        author: Some("Jane Doe".to_owned()),
        license: Some("MIT".to_owned()),
        homepage: Some("https://example.com/weather".to_owned()),
        runtime: Runtime::Image("python:3.12-slim".to_owned()),
        timeout: Some(Duration::from_secs(45)),
        permissions: ["network:api.example.com", "env:WEATHER_KEY"]
            .into_iter()
            .map(|text| text.parse().unwrap())
            .collect(),
        parameters: Some(json!({
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Where"}},
            "required": ["city"],
        })),
        triggers: vec!["weather".to_owned(), "forecast".to_owned()],
        entrypoint: Some(vec!["python3".to_owned(), "main.py".to_owned()]),
        mcp: false,
        stateless: true,
        for_model: true,
        needs_programs: vec!["curl".to_owned()],
        needs_any_program: Vec::new(),
        warnings: Vec::new(),
        body: "# Weather\n\nText.\n".to_owned(),
    };
    assert_eq!(manifest, expected);
    // However its lines end.
    let windows = format!("\u{feff}{}", FULL.replace('\n', "\r\n"));
    let windows = parse(&windows);
    assert_eq!(Manifest { body: windows.body.replace('\r', ""), ..windows }, expected);
}

#[test]
fn two_fields_are_enough() {
    let manifest = parse("---\nname: x\ndescription: y\n---\n");
    assert_eq!((manifest.version.as_str(), manifest.runtime), ("0.0.0", Runtime::Host));
    assert_eq!((manifest.entrypoint, manifest.mcp, manifest.timeout), (None, false, None));
    assert!(manifest.permissions.is_empty() && manifest.warnings.is_empty());
    let open = parse("---\nname: x\ndescription: y\n---\n").tool_schema();
    assert_eq!(check_arguments(&open, &json!({"anything": 1})), Ok(()));
}

/// Heads as they are found in the world; each is read, with these words in its warnings.
#[test]
fn odd_heads_are_read() {
    for (text, name, warnings) in [
        // OpenClaw's own: JSON over many lines, with commas behind the last entries.
        (
            "---\nname: nano-pdf\ndescription: \"Edit PDFs.\"\nmetadata:\n  {\n    \"openclaw\":\n      {\n        \"emoji\": \"📄\",\n        \
             \"requires\": { \"bins\": [\"nano-pdf\"] },\n        \"install\":\n          [\n            {\n              \"id\": \"uv\",\n            },\n          ],\n      },\n  }\n---\n",
            "nano-pdf",
            &[][..],
        ),
        // A colon in a text without quotes.
        (
            "---\nname: mail\ndescription: Reads mail. Use when: the user says \"mail\".\npermissions: [shell]\n---\n",
            "mail",
            &["`description` (line 3)"],
        ),
        // The Agent Skills format with all of its fields.
        (
            "---\nname: pdf-processing\ndescription: Fills forms.\nlicense: Proprietary. LICENSE.txt has complete terms\ncompatibility: Requires git\n\
             metadata:\n  author: example-org\n  version: \"1.0\"\nallowed-tools: Bash(git:*) Read\n---\n",
            "pdf-processing",
            &["`allowed-tools`"],
        ),
        // A name as people say it, tabs, and a field that nobody knows.
        (
            "---\nname: Web Search\ndescription: d\nmetadata:\n\topenclaw:\n\t\temoji: x\nmood: good\n---\n",
            "web-search",
            &["front matter", "web-search", "`mood` (line 7)"],
        ),
        // No description.
        ("---\nname: ask\n---\n# Ask\n\nAsk the\nuser.\n\nMore.\n", "ask", &["`description`"]),
        // Needs a variable, and another system.
        (
            "---\nname: gog\ndescription: d\nhomepage: gog.example\nmetadata: {\"clawdbot\":{\"os\":[\"darwin\"],\"requires\":{\"env\":[\"KEY\"]}}}\n---\n",
            "gog",
            &["env:KEY", "darwin", "homepage"],
        ),
    ] {
        let manifest = parse(text);
        assert_eq!(manifest.name, name);
        assert_eq!(manifest.warnings.len(), warnings.len(), "{name}: {:?}", manifest.warnings);
        for (warning, part) in manifest.warnings.iter().zip(warnings) {
            assert!(warning.contains(part), "{warning}");
        }
    }
    assert_eq!(parse("---\nname: ask\n---\n# Ask\n\nAsk the\nuser.\n\nMore.\n").description, "Ask the user.");
    let agent = parse("---\nname: a\ndescription: d\nmetadata: {author: o, version: \"1.0\"}\n---\n");
    assert_eq!((agent.author.as_deref(), agent.version.as_str()), (Some("o"), "1.0"));
}

#[test]
fn a_refusal_says_where_and_what_to_do() {
    let head = |fields: &str| format!("---\nname: x\ndescription: y\n{fields}\n---\n");
    for (text, parts) in [
        ("# Weather\n".to_owned(), &["no front matter", "`---`"][..]),
        ("---\nname: x\n".to_owned(), &["line 1", "no end"]),
        ("---\ndescription: y\n---\n".to_owned(), &["no `name`", "folder"]),
        ("---\nname:\n---\n".to_owned(), &["no `name`"]),
        ("---\nname: x\n---\n".to_owned(), &["no `description`", "when to use it"]),
        ("---\nname: ../x\ndescription: y\n---\n".to_owned(), &["`name` (line 2)", "a-z"]),
        ("---\nname: [x]\ndescription: y\n---\n".to_owned(), &["`name` (line 2)", "text"]),
        ("---\nname: x\ndescription: [y]\n---\n".to_owned(), &["`description` (line 3)"]),
        (head("version: latest"), &["`version` (line 4)", "1.2.0"]),
        (head("permissions: [internet]"), &["`permissions` (line 4)", "`internet`", "Allowed: network:HOST"]),
        (head("permissions:\n  network: true"), &["network: [api.example.com]"]),
        (head("runtime: --privileged"), &["`runtime` (line 4)", "python:3.12-slim"]),
        (head("timeout: 10m"), &["`timeout` (line 4)", "1 to 300 seconds"]),
        (head("entrypoint: sh -c 'x'"), &["`entrypoint` (line 4)", "as a list"]),
        (head("entrypoint: [a]\nmcp: {command: [b]}"), &["`mcp` (line 5)", "keep one"]),
        (head("stateless: maybe"), &["`stateless` (line 4)", "`true` or `false`"]),
        (head("parameters: {type: array}"), &["`parameters` (line 4)", "type: object"]),
        (head("triggers: {a: b}"), &["`triggers` (line 4)"]),
        (head("a: &x [1]\nb: [*x, *x]"), &["line 4", "anchors"]),
        (head("permissions: []\npermissions: [shell]"), &["line 5", "twice"]),
    ] {
        let error = fails(&text);
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn the_folder_names_what_has_no_name() {
    for (head, name) in [
        ("", "weather"),
        ("name:\n", "weather"),
        ("name: Weather & More (v2)\n", "weather"),
        ("name: Other\n", "other"),
    ] {
        let text = format!("---\n{head}description: d\n---\n");
        let manifest = Manifest::parse_as(&text, Some("weather")).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.warnings.len()), (name, 1), "{head}");
        assert!(name == "other" || Manifest::parse_as(&text, Some("../x")).is_err());
    }
}

#[test]
fn mcp_servers_are_marked() {
    let read = |fields: &str| {
        let manifest = parse(&format!("---\nname: x\ndescription: y\n{fields}\n---\n"));
        (manifest.mcp, manifest.entrypoint.map(|words| words.join(" ")))
    };
    assert_eq!(read("mcp: true"), (true, None));
    assert_eq!(read("type: mcp\nentrypoint: node server.js"), (true, Some("node server.js".to_owned())));
    assert_eq!(read("mcp: {command: node, args: [server.js]}"), (true, Some("node server.js".to_owned())));
    assert_eq!(read("mcp: false\nentrypoint: ./run"), (false, Some("./run".to_owned())));
    assert_eq!(read("type: tool"), (false, None));
}

#[test]
fn the_table_stands_for_a_schema_only_where_there_is_none() {
    let table = "## Parameters\n| Name | Type |\n|---|---|\n| city | string |\n";
    let manifest = parse(&format!("---\nname: x\ndescription: y\n---\n{table}"));
    assert_eq!(manifest.tool_schema()["properties"], json!({"city": {"type": "string"}}));
    let manifest = parse(&format!("---\nname: x\ndescription: y\nparameters: {{}}\n---\n{table}"));
    assert_eq!(manifest.tool_schema()["properties"], json!({}));
}

#[test]
fn long_texts_are_cut() {
    let text =
        format!("---\nname: x\ndescription: {}\nauthor: {}\n---\n", "天 ".repeat(2000), "a".repeat(2000));
    let manifest = parse(&text);
    assert!(manifest.description.chars().count() <= DESCRIPTION);
    assert_eq!(manifest.author.map(|author| author.len()), Some(SHORT));
    assert_eq!(manifest.warnings.len(), 1);
}

#[test]
fn bombs_are_refused_quickly() {
    let fill = |unit: &str| unit.repeat(HEAD_BYTES / unit.len() - 8);
    let mut laughs = String::from("a0: &a0 [x]\n");
    for level in 1..30 {
        laughs.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1));
    }
    for head in [
        laughs,
        format!("a: {}", fill("[")),
        format!("a: {}", fill("{")),
        format!("a: {}", fill("{a: ")),
        format!("a: {}", fill("[[],")),
        fill("- "),
        fill("? "),
        fill("a: \n "),
        fill(": "),
        fill("!"),
        fill("&a "),
        fill("\""),
        fill("a:\n"),
        fill("%\n"),
        fill("\t"),
        format!("a: |\n{}", fill(" x\n")),
        format!("a: >{}", fill("\n")),
        fill("\u{2028}"),
    ] {
        let text = format!("---\nname: x\ndescription: y\n{head}\n---\n");
        let _ = Manifest::parse(&text);
    }
}

proptest! {
    #[test]
    fn never_panics_on_any_text(text in "(?s).{0,400}") {
        fuzz_manifest(text.as_bytes());
    }

    /// Pieces of heads in any order get further than letters do.
    #[test]
    fn never_panics_on_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
        let head = pieces.concat();
        fuzz_manifest(head.as_bytes());
        fuzz_manifest(format!("---\nname: x\ndescription: y\n{head}\n---\n## Parameters\n{head}").as_bytes());
        fuzz_manifest(format!("---\nname: x\ndescription: y\n---\n## Parameters\n| Name | Type | Required | Default | Values |\n|-|-|-|-|-|\n{head}").as_bytes());
    }
}

const PIECES: &[&str] = &[
    "---\n",
    "name: ",
    "description: ",
    "x",
    "\n",
    "  ",
    "\t",
    "- ",
    "- a\n",
    "[",
    "]",
    "{",
    "}",
    ",",
    ": ",
    ":\n",
    "\"",
    "'",
    "|\n",
    ">\n",
    "# ",
    "&a ",
    "*a",
    "!t ",
    "? ",
    "metadata:\n",
    "{\"openclaw\": {",
    "\"requires\": {\"bins\": [\"x\"]}",
    "permissions:\n",
    "network: ",
    "filesystem:read:/x",
    "shell",
    "parameters:\n",
    "type: object",
    "properties:\n",
    "required",
    "entrypoint: ",
    "mcp: ",
    "runtime: ",
    "timeout: ",
    "30s",
    "1e9",
    "-1",
    "true",
    "null",
    "天",
    "🧭",
    "\u{feff}",
    "\r\n",
    "| a | string | yes | 1 | a, b |\n",
    "|",
    "\\|",
    "`",
    "--",
    "...",
    "%TAG",
    "\0",
    "\u{2028}",
    "## Parameters\n",
    "|---|---|\n",
];
