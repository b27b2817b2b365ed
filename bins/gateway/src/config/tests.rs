use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use openclaw_core::{
    config::{Config, ProviderKind},
    port::LogLevel,
};

use super::{init::FirstStart, *};
use crate::home::Home;

const TOKEN: &str = "gateway: {auth: {token: canary-token-123456}}\n";

fn loader(environment: &[(&str, &str)]) -> Loader {
    Loader::new(PathBuf::from("gateway.yaml"), Environment::of(environment), Layer::default())
}

fn load(text: &str, environment: &[(&str, &str)]) -> Loaded {
    match loader(environment).load_text(text) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}"),
    }
}

fn problems(text: &str, environment: &[(&str, &str)]) -> String {
    match loader(environment).load_text(text) {
        Ok(_) => panic!("{text} was accepted"),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn the_annotated_defaults_are_the_defaults() {
    let auth = [("OPENCLAW_GATEWAY__AUTH__TOKEN", "x")];
    let mut loaded = Config::clone(&load(DEFAULT_TEMPLATE, &auth).config);
    loaded.gateway.auth.token = Default::default();
    assert_eq!(loaded, Config::default());
    // Every key is in it, active or as a comment.
    let text = DEFAULT_TEMPLATE.replace("\n#", "\n");
    for key in [
        "passphrase",
        "key_file",
        "api_key",
        "idle_unload_seconds",
        "registry",
        "registry_keys",
        "approval",
        "rootless",
        "grants",
        "timeout_seconds",
        "require_signature",
        "allow_private",
        "images",
        "allowed_users",
        "secrets",
        "min_free_mb",
        "fallback",
    ] {
        assert!(text.contains(&format!("{key}:")), "{key}");
    }
}

#[test]
fn the_examples_of_the_contract_load() {
    let text = "gateway:\n  auth:\n    enabled: true\n    token: \"${GATEWAY_AUTH_TOKEN}\"\n";
    let loaded = load(text, &[("GATEWAY_AUTH_TOKEN", "t-from-env")]);
    assert_eq!(loaded.config.gateway.auth.token.expose(), "t-from-env");
    assert_eq!(
        problems(text, &[]),
        "gateway.yaml:4:12: `gateway.auth.token` uses the environment variable GATEWAY_AUTH_TOKEN, which is not set; \
         set it, or write ${GATEWAY_AUTH_TOKEN:-default}"
    );
}

#[test]
fn later_layers_win_and_values_remember_where_they_came_from() {
    let text = format!(
        "{TOKEN}providers:\n  Primary:\n    type: openai\n    api_key: file\nrouting: {{fallback: [Primary]}}\n"
    );
    let environment = [
        ("OPENCLAW_PROVIDERS__PRIMARY__API_KEY", "canary-env"),
        ("OPENCLAW_GATEWAY__PORT", "8080"),
        ("OPENCLAW_GATEWAY__ALLOWED_HOSTS", "a.lan, b.lan"),
        ("OPENCLAW_HOME", "/x"),
        ("OPENCLAW_UNRELATED", "1"),
    ];
    let options =
        crate::cli::Options { port: Some(9), log_level: Some(crate::cli::Level::Warn), ..Default::default() };
    let loader = Loader::new(
        PathBuf::from("gateway.yaml"),
        Environment::of(&environment),
        crate::settings::flags(&options),
    );
    let loaded = loader.load_text(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let config = &loaded.config;
    assert_eq!((config.gateway.port, config.gateway.logging.level), (9, LogLevel::Warn));
    assert_eq!(config.gateway.allowed_hosts, ["a.lan", "b.lan"]);
    let provider = &config.providers["Primary"];
    assert_eq!(
        (provider.kind, provider.api_key.as_ref().unwrap().expose()),
        (ProviderKind::OpenAi, "canary-env")
    );

    let shown = show(&loaded.effective(), &loaded.origins);
    assert!(!shown.contains("canary"), "{shown}");
    let row = |key: &str| {
        let row =
            shown.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {shown}"));
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("gateway.port"), "gateway.port: 9 # flag --port");
    assert_eq!(row("gateway.bind"), "gateway.bind: \"127.0.0.1\" # default");
    assert_eq!(row("gateway.auth.token"), "gateway.auth.token: \"***REDACTED***\" # gateway.yaml:1");
    assert_eq!(
        row("providers.Primary.api_key"),
        "providers.Primary.api_key: \"***REDACTED***\" # environment variable OPENCLAW_PROVIDERS__PRIMARY__API_KEY"
    );
    assert_eq!(row("providers.Primary.type"), "providers.Primary.type: \"openai\" # gateway.yaml:4");
}

#[test]
fn every_mistake_is_named_at_once_with_its_line_and_what_is_allowed() {
    let text = "\
gateway:
  prot: 1
  port: many
  bind: localhost
  auth: yes
  rate_limit: {requests_per_minute: -1}
  allowed_hosts: a.lan
  logging: {level: loud}
providers:
  p: {type: claude, temperature: 3}
  q: {model: x}
channels: {telegramm: {}}
memory: {segment_mb: 0}
";
    let expected = "\
gateway.yaml:2:3: `gateway.prot` is not a known key; did you mean `port`? Allowed: port, bind, auth, rate_limit, allowed_hosts, allowed_origins, logging
gateway.yaml:3:9: `gateway.port` must be a whole number from 0 to 65535; it is `many`
gateway.yaml:4:9: `gateway.bind` must be an IP address such as 127.0.0.1 or ::1; it is `localhost`
gateway.yaml:5:9: `gateway.auth` must be a section with the keys enabled, token
gateway.yaml:6:37: `gateway.rate_limit.requests_per_minute` must be a whole number from 0 to 4294967295; it is `-1`
gateway.yaml:7:18: `gateway.allowed_hosts` must be a list of texts such as [one, two]
gateway.yaml:8:20: `gateway.logging.level` must be one of trace, debug, info, warn, error; it is `loud`
gateway.yaml:10:13: `providers.p.type` must be one of anthropic, openai, ollama, local; it is `claude`
gateway.yaml:10:34: `providers.p.temperature` must be a number from 0 to 2; it is `3`
gateway.yaml:12:12: `channels.telegramm` is not a channel type; did you mean `telegram`? Allowed: telegram, discord, slack, matrix, webhook, irc, whatsapp, signal
gateway.yaml:13:22: `memory.segment_mb` must be a whole number from 1 to 1024; it is `0`";
    assert_eq!(problems(text, &[]), expected);
}

#[test]
fn single_mistakes_are_named_too() {
    for (text, environment, expected) in [
        (
            "gateway:\n\tport: 1\n",
            &[][..],
            "gateway.yaml:2:2: a tab is used to indent; YAML allows only spaces",
        ),
        ("a: 1\na: 2\n", &[], "gateway.yaml:2:1: `a` is given twice (first on line 1); remove one"),
        (
            "- a\n",
            &[],
            "gateway.yaml:1:1: the file must be a section with the keys gateway, providers, routing, memory, skills, channels",
        ),
        (
            TOKEN,
            &[("OPENCLAW_GATEWAY__PORT", "x")],
            "environment variable OPENCLAW_GATEWAY__PORT: `gateway.port` must be a whole number from 0 to 65535",
        ),
        (
            TOKEN,
            &[("OPENCLAW_GATEWAY__PROT", "1")],
            "environment variable OPENCLAW_GATEWAY__PROT: `gateway.prot` is not a known key; did you mean `port`? Allowed: port, bind, auth, rate_limit, allowed_hosts, allowed_origins, logging",
        ),
        ("", &[], "`gateway.auth.token` is empty; set a token of at least 16 characters"),
        (
            "gateway:\n  auth:\n    token: ''\n",
            &[],
            "gateway.yaml:3: `gateway.auth.token` is empty; set a token of at least 16 characters",
        ),
        (
            "gateway: {auth: {token: x}}\nproviders:\n  p:\n    model: m\n",
            &[],
            "gateway.yaml:3: `providers.p.type` is missing; it must be one of anthropic, openai, ollama, local",
        ),
        (
            "gateway: {auth: {token: x}}\nrouting:\n  fallback:\n    - backup\n",
            &[],
            "gateway.yaml:4: `routing.fallback[0]` names `backup`, which is no provider (none is configured)",
        ),
    ] {
        assert_eq!(problems(text, environment), expected);
    }
}

#[test]
fn placeholders_take_any_type_and_secrets_are_never_quoted() {
    let text = format!("{TOKEN}memory: {{segment_mb: \"${{MB}}\"}}\n");
    assert_eq!(load(&text, &[("MB", "32")]).config.memory.segment_mb, 32);
    let told = problems(&text, &[("MB", "canary-value")]);
    assert!(!told.contains("canary"), "{told}");
    assert!(told.contains("`memory.segment_mb` must be a whole number from 1 to 1024"), "{told}");
    // Quotes make a text of what would be a number.
    assert!(problems(&format!("{TOKEN}memory: {{segment_mb: \"32\"}}\n"), &[]).contains("whole number"));
}

#[test]
fn unguarded_on_the_network_is_refused() {
    let told = problems("gateway:\n  bind: 0.0.0.0\n  auth: {enabled: false}\n", &[]);
    assert!(
        told.starts_with("gateway.yaml:3: `gateway.auth.enabled` is false while `gateway.bind` is 0.0.0.0"),
        "{told}"
    );
}

#[test]
fn the_first_start_makes_private_files_and_a_token_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::new(directory.path().join("deep/.openclaw"));
    let start = first_start(&home).unwrap();
    assert_eq!(start, FirstStart { created: true, warnings: Vec::new() });
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.root()), 0o700);
    assert_eq!(mode(&home.config_file()), 0o600);
    assert!(fs::read_to_string(home.soul_file()).unwrap().contains("assistant"));

    let text = fs::read_to_string(home.config_file()).unwrap();
    let token = load(&text, &[]).config.gateway.auth.token.clone();
    assert_eq!(token.expose().len(), 64);
    assert!(token.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
    let example = text.replace("\n#", "\n");
    let environment = [("ANTHROPIC_API_KEY", "a"), ("OPENROUTER_API_KEY", "b")];
    let (_, active) = example.split_once("gateway:").unwrap();
    let active =
        format!("gateway:{}", active.replace("\n Which", "\n# Which").replace("\n on this", "\n# on this"));
    assert_eq!(load(&active, &environment).config.routing.fallback, ["backup"]);

    assert!(!first_start(&home).unwrap().created);
    assert_eq!(fs::read_to_string(home.config_file()).unwrap(), text);

    fs::set_permissions(home.config_file(), fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = first_start(&home).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
}

#[test]
fn stray_variables_are_noticed() {
    let environment =
        Environment::of(&[("OPENCLAW_GATEWAY_PORT", "1"), ("OPENCLAW_HOME", "/"), ("OPENCLAW_X", "1")]);
    assert_eq!(near_misses(&environment), ["OPENCLAW_GATEWAY_PORT"]);
}

#[test]
fn the_fuzzed_entry_takes_what_is_good() {
    assert!(fuzz(TOKEN, "{\"gateway\": {\"port\": 1}}"));
    assert!(!fuzz("a: [", "{}"));
}
