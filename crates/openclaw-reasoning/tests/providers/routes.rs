//! Which provider is chosen from what is configured and found.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use openclaw_core::{
    Role, Secret,
    config::{ProviderConfig, ProviderKind, RoutingConfig},
};
use openclaw_reasoning::{
    HttpClient, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError, RouteError, Router,
    routes::{BuildInput, EnvKeys, LocalFactory, build},
};
use openclaw_testkit::{Reply, ScriptedProvider};

use super::kit::{CANARY, ask_router, config, hello, request, text};

struct Nothing;

#[async_trait]
impl Provider for Nothing {
    fn model(&self) -> ModelInfo {
        ModelInfo {
            name: "in-process".into(),
            context_window: 2048,
            max_tokens: 512,
            vision: false,
            tools: false,
        }
    }

    async fn stream(&self, _: &ModelRequest) -> Result<ModelStream, ProviderError> {
        Err(ProviderError::Misconfigured { message: "says nothing".into() })
    }
}

fn local(is_there: bool) -> LocalFactory {
    Arc::new(move |_| {
        if is_there {
            Ok(Arc::new(Nothing))
        } else {
            Err(ProviderError::Misconfigured { message: "no model file".into() })
        }
    })
}

#[derive(Default)]
struct Setting {
    config: BTreeMap<String, ProviderConfig>,
    fallback: Vec<String>,
    env: EnvKeys,
    ollama: Option<String>,
    local: Option<LocalFactory>,
}

impl Setting {
    async fn build(self) -> Router {
        let routing = RoutingConfig { fallback: self.fallback };
        build(BuildInput {
            config: &self.config,
            routing: &routing,
            env: self.env,
            ollama_base: self.ollama.as_deref(),
            local_factory: self.local,
            client: HttpClient::new(),
        })
        .await
    }
}

fn names(router: &Router) -> Vec<&str> {
    router.routes().map(|route| route.name.as_str()).collect()
}

fn keys(anthropic: bool, openai: bool) -> EnvKeys {
    let key = |is_there: bool| is_there.then(|| Secret::new(CANARY));
    EnvKeys { anthropic: key(anthropic), openai: key(openai), ..EnvKeys::default() }
}

#[tokio::test]
async fn configured_providers_come_in_order_and_others_are_not_asked() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    let of = |kind| config(kind, &server);
    let all = [
        ("zeta", ProviderKind::OpenAi),
        ("primary", ProviderKind::Anthropic),
        ("alpha", ProviderKind::Ollama),
    ];
    let config: BTreeMap<_, _> = all.iter().map(|(name, kind)| ((*name).to_owned(), of(*kind))).collect();
    let setting = |fallback: &[&str], without: &str| {
        let mut config = config.clone();
        config.remove(without);
        let fallback = fallback.iter().map(ToString::to_string).collect();
        Setting { config, fallback, env: keys(true, true), local: Some(local(true)), ..Setting::default() }
    };
    assert_eq!(names(&setting(&[], "").build().await), ["primary"]);
    assert_eq!(
        names(&setting(&["zeta", "alpha", "primary"], "").build().await),
        ["primary", "zeta", "alpha"]
    );
    assert_eq!(names(&setting(&["zeta"], "primary").build().await), ["zeta"]);
    assert_eq!(names(&setting(&[], "primary").build().await), ["alpha"]);
}

#[tokio::test]
async fn models_and_keys_have_sensible_defaults() {
    let mut setting = Setting { env: keys(true, true), ..Setting::default() };
    setting.config.insert("primary".into(), ProviderConfig::new(ProviderKind::Anthropic));
    let router = setting.build().await;
    let (kind, model) = router.primary().unwrap();
    assert_eq!((kind, model.name.as_str(), model.max_tokens), ("anthropic", "claude-opus-4-6", 4096));
}

#[tokio::test]
async fn a_provider_that_cannot_be_used_keeps_its_place_and_says_why() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    let mut setting = Setting { fallback: vec!["backup".into()], ..Setting::default() };
    setting.config.insert("primary".into(), ProviderConfig::new(ProviderKind::Anthropic));
    setting.config.insert("backup".into(), config(ProviderKind::OpenAi, &server));
    let router = setting.build().await;
    assert_eq!(ask_router(&router, &hello()).await.unwrap().0, "backup");

    for (kind, word) in [
        (ProviderKind::Anthropic, "ANTHROPIC_API_KEY"),
        (ProviderKind::OpenAi, "OPENAI_API_KEY"),
        (ProviderKind::Ollama, "ollama list"),
        (ProviderKind::Local, "feature `local`"),
    ] {
        let mut setting = Setting::default();
        setting.config.insert("primary".into(), ProviderConfig::new(kind));
        let error = ask_router(&setting.build().await, &hello()).await.unwrap_err();
        let shown = openclaw_core::Failure::from(&error).message;
        assert!(shown.contains(word) && shown.contains("providers.primary"), "{shown}");
    }
}

#[tokio::test]
async fn a_fallback_is_asked_for_what_its_own_model_takes() {
    let server = ScriptedProvider::start([Reply::error(500, "no"), Reply::text("ok")]).await;
    let mut setting = Setting { fallback: vec!["backup".into()], ..Setting::default() };
    let mut primary = config(ProviderKind::OpenAi, &server);
    (primary.max_retries, primary.context_window) = (Some(0), Some(200_000));
    let mut backup = primary.clone();
    (backup.context_window, backup.max_tokens) = (Some(2000), Some(1500));
    setting.config.extend([("primary".into(), primary), ("backup".into(), backup)]);
    let mut asked: Vec<_> =
        (0..40).flat_map(|_| [text(Role::User, "q"), text(Role::Assistant, &"word ".repeat(100))]).collect();
    asked.push(text(Role::User, "last"));
    assert_eq!(ask_router(&setting.build().await, &request(asked)).await.unwrap().0, "backup");
    let bodies: Vec<_> = server.requests().iter().map(|request| request.json()).collect();
    assert_eq!(
        (bodies[0]["messages"].as_array().unwrap().len(), &bodies[0]["max_tokens"]),
        (82, &4096.into())
    );
    let shown = bodies[1]["messages"].as_array().unwrap();
    assert!((4..20).contains(&shown.len()), "{}", shown.len());
    assert_eq!((&shown[1]["role"], &shown[shown.len() - 1]["content"]), (&"user".into(), &"last".into()));
    assert!((200..1500).contains(&bodies[1]["max_tokens"].as_u64().unwrap()), "{}", bodies[1]["max_tokens"]);
}

#[tokio::test]
async fn the_model_inside_the_process_is_set_up_where_blocking_is_allowed() {
    let factory: LocalFactory = Arc::new(|_| {
        // This panics on a thread that carries tasks.
        tokio::runtime::Handle::current().block_on(async {});
        Ok(Arc::new(Nothing))
    });
    let found = Setting { local: Some(Arc::clone(&factory)), ..Setting::default() };
    assert_eq!(names(&found.build().await), ["local"]);
    let mut configured = Setting { local: Some(factory), ..Setting::default() };
    configured.config.insert("primary".into(), ProviderConfig::new(ProviderKind::Local));
    assert_eq!(configured.build().await.primary().unwrap().1.name, "in-process");
}

#[tokio::test]
async fn the_environments_key_never_goes_to_another_address() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    let mut setting = Setting { env: keys(true, true), ..Setting::default() };
    let mut own = config(ProviderKind::OpenAi, &server);
    own.api_key = None;
    setting.config.insert("primary".into(), own);
    ask_router(&setting.build().await, &hello()).await.unwrap();
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn with_nothing_configured_the_first_thing_found_is_used() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    server.set_ollama_models(&[("qwen3:8b", "2026-11-01T00:00:00Z")]);
    let chosen = |env: EnvKeys, ollama: bool, file: bool| {
        let ollama = ollama.then(|| server.url());
        let setting = Setting { env, ollama, local: Some(local(file)), ..Setting::default() };
        async move { setting.build().await.primary().map(|(kind, model)| (kind, model.name)) }
    };
    let found = |kind, name: &str| Some((kind, name.to_owned()));
    assert_eq!(chosen(keys(true, true), true, true).await, found("anthropic", "claude-opus-4-6"));
    assert_eq!(chosen(keys(false, true), true, true).await, found("openai", "gpt-5.6-terra"));
    assert_eq!(chosen(keys(false, false), true, true).await, found("ollama", "qwen3:8b"));
    assert_eq!(chosen(keys(false, false), false, true).await, found("local", "in-process"));
    assert_eq!(chosen(keys(false, false), false, false).await, None);
}

#[tokio::test]
async fn a_key_with_an_address_of_its_own_goes_there() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    let env = EnvKeys { openai_base_url: Some(server.url()), ..keys(false, true) };
    let router = Setting { env, ..Setting::default() }.build().await;
    assert_eq!(ask_router(&router, &hello()).await.unwrap().1.text, "ok");
    assert_eq!(server.requests()[0].header("authorization"), Some(format!("Bearer {CANARY}").as_str()));
}

#[tokio::test]
async fn an_ollama_without_models_or_without_an_answer_is_passed_over() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    let empty = Setting { ollama: Some(server.url()), ..Setting::default() };
    assert!(empty.build().await.is_empty());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // Takes connections and never answers.
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let router = Setting { ollama: Some(silent), ..Setting::default() }.build().await;
    assert!(matches!(ask_router(&router, &hello()).await, Err(RouteError::NoProvider)));
}
