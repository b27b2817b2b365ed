//! The router against providers that answer by script, on a paused clock.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use openclaw_core::{Failure, TokenUsage};
use tokio::time::Instant;

use super::*;
use crate::{ModelEvent, StopReason};

type Item = Result<ModelEvent, ProviderError>;

/// Plays one reply per request; the last one over and over.
struct Scripted {
    replies: Mutex<VecDeque<Result<Vec<Item>, ProviderError>>>,
    asked: AtomicU32,
    /// How many tools each request offered.
    offered: Mutex<Vec<usize>>,
}

#[async_trait]
impl Provider for Scripted {
    fn model(&self) -> ModelInfo {
        ModelInfo { name: "m".into(), context_window: 8192, max_tokens: 100, vision: false, tools: true }
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        self.offered.lock().unwrap().push(request.tools.len());
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut replies = self.replies.lock().unwrap();
        let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
        Ok(Box::pin(stream::iter(reply.unwrap()?)))
    }
}

fn scripted(replies: Vec<Result<Vec<Item>, ProviderError>>) -> Arc<Scripted> {
    Arc::new(Scripted {
        replies: Mutex::new(replies.into()),
        asked: AtomicU32::new(0),
        offered: Mutex::default(),
    })
}

fn route(name: &str, max_retries: u32, provider: &Arc<Scripted>) -> Route {
    let provider = Arc::clone(provider) as Arc<dyn Provider>;
    Route { name: name.into(), kind: ProviderKind::OpenAi, max_retries, provider }
}

fn asked(provider: &Scripted) -> u32 {
    provider.asked.load(Ordering::SeqCst)
}

fn says(text: &str) -> Result<Vec<Item>, ProviderError> {
    Ok(vec![
        Ok(ModelEvent::Usage(TokenUsage { input: 3, output: 0 })),
        Ok(ModelEvent::Text(String::new())),
        Ok(ModelEvent::Text(text.into())),
        Ok(ModelEvent::Usage(TokenUsage { input: 3, output: 1 })),
        Ok(ModelEvent::Done(StopReason::EndTurn)),
    ])
}

fn status(status: u16, retry_after: Option<u64>) -> ProviderError {
    ProviderError::Status { status, message: "no".into(), retry_after: retry_after.map(Duration::from_secs) }
}

async fn collect(router: &Router) -> (String, Vec<Item>) {
    let answer = router.stream(&ModelRequest::default()).await.unwrap();
    (answer.provider, answer.events.collect().await)
}

async fn failure(router: &Router) -> Vec<ProviderSaid> {
    match router.stream(&ModelRequest::default()).await.unwrap_err() {
        RouteError::AllFailed { said } => said,
        RouteError::NoProvider => unreachable!("there are providers"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_comes_whole_and_in_order() {
    let one = scripted(vec![says("hello")]);
    let router = Router::new(vec![route("primary", 2, &one)]);
    assert_eq!(router.primary().unwrap().0, "openai");
    let (provider, events) = collect(&router).await;
    assert_eq!(provider, "primary");
    let events: Vec<ModelEvent> = events.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        events,
        [
            ModelEvent::Usage(TokenUsage { input: 3, output: 0 }),
            ModelEvent::Text("hello".into()),
            ModelEvent::Usage(TokenUsage { input: 3, output: 1 }),
            ModelEvent::Done(StopReason::EndTurn),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_to_ask_is_an_error_of_its_own() {
    let error = Router::new(Vec::new()).stream(&ModelRequest::default()).await.unwrap_err();
    assert!(matches!(error, RouteError::NoProvider));
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_at_the_same_provider() {
    let broken: Vec<Result<Vec<Item>, ProviderError>> = vec![
        Err(status(500, None)),
        Err(status(529, None)),
        Err(status(429, None)),
        Err(ProviderError::Unreachable { url: "http://x".into(), message: "refused".into() }),
        Err(ProviderError::TimedOut { after: Duration::from_secs(1) }),
        Ok(vec![Ok(ModelEvent::Usage(TokenUsage::default())), Err(status(529, None))]),
        Ok(vec![]),
        Ok(vec![Err(ProviderError::Cut { message: "gone".into() })]),
    ];
    for fault in broken {
        let told = format!("{fault:?}");
        let one = scripted(vec![fault, says("again")]);
        let (_, events) = collect(&Router::new(vec![route("primary", 1, &one)])).await;
        assert!(events.iter().all(Result::is_ok), "{told}");
        assert_eq!(asked(&one), 2, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_goes_to_the_next_at_once() {
    for fault in [status(400, None), status(401, None), status(403, None), status(404, None)] {
        let (one, two) = (scripted(vec![Err(fault)]), scripted(vec![says("two")]));
        let router = Router::new(vec![route("primary", 3, &one), route("backup", 0, &two)]);
        assert_eq!(collect(&router).await.0, "backup");
        assert_eq!(asked(&one), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_out_is_not_paid_twice_while_another_route_is_left() {
    let one = scripted(vec![Err(ProviderError::TimedOut { after: Duration::from_secs(60) })]);
    let two = scripted(vec![says("two")]);
    let router = Router::new(vec![route("primary", 5, &one), route("backup", 0, &two)]);
    assert_eq!(collect(&router).await.0, "backup");
    assert_eq!(asked(&one), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vendors_wait_is_kept_and_a_long_one_means_the_next() {
    let one = scripted(vec![Err(status(429, Some(7))), says("later")]);
    let begun = Instant::now();
    collect(&Router::new(vec![route("primary", 1, &one)])).await;
    let waited = begun.elapsed();
    assert!((Duration::from_secs(7)..Duration::from_millis(7300)).contains(&waited), "{waited:?}");

    let (one, two) = (scripted(vec![Err(status(429, Some(31)))]), scripted(vec![says("two")]));
    let begun = Instant::now();
    let router = Router::new(vec![route("primary", 5, &one), route("backup", 0, &two)]);
    assert_eq!(collect(&router).await.0, "backup");
    assert_eq!((asked(&one), begun.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn backoff_stays_within_its_bounds() {
    let one = scripted(vec![Err(status(500, None))]);
    let begun = Instant::now();
    let said = failure(&Router::new(vec![route("primary", 4, &one)])).await;
    assert_eq!((asked(&one), said[0].attempts), (5, 5));
    // 250 + 500 + 1000 + 2000 ms at most, and jitter makes it less.
    assert!(begun.elapsed() <= Duration::from_millis(3750), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_the_first_word_no_other_answer_follows() {
    let cut = Ok(vec![Ok(ModelEvent::Text("half".into())), Err(status(529, None))]);
    let short = Ok(vec![Ok(ModelEvent::Text("half".into()))]);
    for reply in [cut, short] {
        let (one, two) = (scripted(vec![reply]), scripted(vec![says("two")]));
        let router = Router::new(vec![route("primary", 3, &one), route("backup", 3, &two)]);
        let (provider, events) = collect(&router).await;
        assert_eq!((provider.as_str(), events.len()), ("primary", 2));
        assert!(matches!(&events[1], Err(ProviderError::Cut { .. })), "{:?}", events[1]);
        assert_eq!((asked(&one), asked(&two)), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn everybodys_words_are_kept() {
    let one = scripted(vec![Err(status(503, None))]);
    let two = scripted(vec![Err(ProviderError::Malformed { message: "not JSON".into() })]);
    let router = Router::new(vec![route("primary", 1, &one), route("backup", 2, &two)]);
    let error = router.stream(&ModelRequest::default()).await.unwrap_err();
    let failure = Failure::from(&error);
    let providers = failure.details["providers"].as_array().unwrap();
    assert_eq!(providers[0]["attempts"], 2);
    assert_eq!(providers[1]["attempts"], 1);
    assert_eq!(providers[1]["error"], "the answer can't be read: not JSON");
}

#[tokio::test(start_paused = true)]
async fn a_provider_in_trouble_is_left_alone_then_probed() {
    let one = scripted(vec![
        Err(status(500, None)),
        Err(status(500, None)),
        Err(status(500, None)),
        Err(status(500, None)),
        Err(status(500, None)),
        says("back"),
    ]);
    let two = scripted(vec![says("two")]);
    let router = Router::new(vec![route("primary", 0, &one), route("backup", 0, &two)]);
    for _ in 0..10 {
        assert_eq!(collect(&router).await.0, "backup");
    }
    assert_eq!(asked(&one), 5, "five failures, then it is left alone");
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(collect(&router).await.0, "primary");
}

#[tokio::test(start_paused = true)]
async fn a_paused_provider_says_so() {
    let one = scripted(vec![Err(status(500, None))]);
    let router = Router::new(vec![route("primary", 0, &one)]);
    for _ in 0..5 {
        failure(&router).await;
    }
    let said = failure(&router).await;
    assert_eq!(said[0].attempts, 0);
    assert_eq!(said[0].cause.to_string(), "not asked, after repeated failures; next try in 30 s");
}

#[tokio::test(start_paused = true)]
async fn limits_of_the_account_do_not_open_the_breaker() {
    for fault in [status(429, None), status(401, None)] {
        let one = scripted(vec![Err(fault)]);
        let router = Router::new(vec![route("primary", 0, &one)]);
        for _ in 0..8 {
            failure(&router).await;
        }
        assert_eq!(asked(&one), 8);
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_over_all_providers() {
    let all: Vec<_> = (0..6).map(|_| scripted(vec![Err(status(500, None))])).collect();
    let router = Router::new(all.iter().map(|one| route("p", 10, one)).collect());
    let said = failure(&router).await;
    let attempts: u32 = all.iter().map(|one| asked(one)).sum();
    assert_eq!(said.len(), 6);
    assert!(attempts <= MAX_ATTEMPTS + 6, "{attempts}");
}

fn with_a_tool(text: &str) -> ModelRequest {
    let said = openclaw_core::Message {
        id: openclaw_core::RunId::generate().user_message_id(),
        role: openclaw_core::Role::User,
        content: vec![openclaw_core::ContentBlock::Text(text.to_owned())],
        timestamp: openclaw_core::Timestamp::from_unix_millis(0),
        metadata: openclaw_core::Metadata::default(),
    };
    let tool = openclaw_core::ToolDefinition {
        name: "t".into(),
        description: String::new(),
        parameters: serde_json::json!({}),
    };
    ModelRequest { messages: vec![Arc::new(said)], tools: vec![tool], ..ModelRequest::default() }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_calls_no_tools_is_asked_without_them() {
    for (code, message) in [
        (400, "registry.ollama.ai/library/gemma:2b does not support tools"),
        (404, "No endpoints found that support tool use. Try disabling \"t\"."),
        (500, "tools param requires --jinja flag"),
        (400, "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"),
    ] {
        let refused = ProviderError::Status { status: code, message: message.into(), retry_after: None };
        let one = scripted(vec![Err(refused), says("plain")]);
        let router = Router::new(vec![route("primary", 0, &one)]);
        assert!(router.first().unwrap().0.tools);
        for _ in 0..2 {
            assert_eq!(router.stream(&with_a_tool("hi")).await.unwrap().provider, "primary", "{message}");
        }
        assert_eq!(*one.offered.lock().unwrap(), [1, 0, 0], "{message}");
        assert!(!router.first().unwrap().0.tools);
    }
    // What a server says of one tool, or of something else, is not that.
    let refused =
        ProviderError::Status { status: 400, message: "tools.0: bad schema".into(), retry_after: None };
    let one = scripted(vec![Err(refused), says("plain")]);
    let router = Router::new(vec![route("primary", 0, &one)]);
    assert!(router.stream(&with_a_tool("hi")).await.is_err());
    assert!(router.first().unwrap().0.tools);
}

#[tokio::test(start_paused = true)]
async fn what_a_vendor_counts_corrects_the_next_estimate() {
    let one = scripted(vec![says("hello")]);
    let router = Router::new(vec![route("primary", 0, &one)]);
    let request = with_a_tool(&"word ".repeat(5000));
    let estimate = |router: &Router| {
        let (model, calibration) = router.first().unwrap();
        let gauge = calibration.gauge(&model);
        gauge.message(&request.messages[0])
    };
    let before = estimate(&router);
    let answer = router.stream(&request).await.unwrap();
    answer.measure.counted(TokenUsage { input: 2 * before as u64, output: 1 });
    let after = estimate(&router);
    assert!(after > before * 5 / 4 && after < before * 2, "{before} {after}");
}
