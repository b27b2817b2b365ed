//! A GGUF model inside the process, in pure Rust: no server, no account, no key.
//!
//! One thread per provider computes, off the async threads; requests wait for it in a bounded queue. The model is read at
//! the first request and leaves memory after a while without one. File format, tokenizer and forward pass are this module's
//! own: the instruction set is chosen while running, the number of threads is the provider's, and a conversation's prefix
//! stays computed between its turns.

mod arithmetic;
mod attention;
pub mod embed;
mod error;
mod generate;
mod gguf;
mod merges;
mod prompt;
mod sample;
mod template;
mod text;
mod transformer;
mod words;
mod worker;

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use futures_core::Stream;
use tokio::sync::mpsc;

use self::{error::ModelFileError, gguf::ModelFile, worker::Worker};
use openclaw_reasoning::{ModelEvent, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError};

/// Requests that may wait for the computing thread; more are refused at once.
pub const QUEUED_REQUESTS: usize = 16;

/// How a model inside the process is run.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalOptions {
    /// The GGUF file.
    pub path: PathBuf,
    /// Threads that compute; at least 1. `None` takes half of the processors, at least one.
    pub threads: Option<usize>,
    /// Most tokens of an answer when the request says nothing; at least 1.
    pub max_tokens: u32,
    /// Sampling temperature, 0 to 2; 0 always takes the likeliest token.
    pub temperature: f32,
    /// Time without a request after which the model leaves memory; zero keeps it.
    pub idle_unload: Duration,
    /// Context window in tokens; `None` takes the file's. The file's is also the most.
    pub context_window: Option<u32>,
    /// Longest wait for the first token, the queue and the loading of the model counted in.
    pub timeout: Duration,
    /// Seed of the sampling, for repeatable answers; `None` draws one per request.
    pub seed: Option<u64>,
}

impl LocalOptions {
    /// The defaults for a model: 256 tokens, temperature 0.2, unloaded after 300 s, a minute to the first token.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            threads: None,
            max_tokens: 256,
            temperature: 0.2,
            idle_unload: Duration::from_secs(300),
            context_window: None,
            timeout: Duration::from_secs(60),
            seed: None,
        }
    }

    fn thread_count(&self) -> usize {
        let half = || std::thread::available_parallelism().map_or(1, |all| all.get() / 2);
        self.threads.unwrap_or_else(half).max(1)
    }
}

/// The provider of a model inside the process.
///
/// Dropping it stops the computation at the next token (or the next 64 of a prompt) and waits for the thread to end; inside
/// a tokio runtime, one of its blocking threads does the waiting.
#[derive(Debug)]
pub struct LocalProvider {
    options: LocalOptions,
    context_window: u32,
    worker: Worker,
}

impl LocalProvider {
    /// Starts the computing thread. The model is not loaded yet; of the file only the header is read, and a file that is
    /// missing or broken is reported by each request, so that putting it in place needs no restart.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`] when the system gives no thread.
    pub fn new(options: LocalOptions) -> Result<Self, ProviderError> {
        let in_file = ModelFile::open(&options.path).and_then(|file| file.context_window()).ok();
        let wanted = options.context_window.unwrap_or(u32::MAX);
        let context_window = in_file.unwrap_or(generate::FALLBACK_CONTEXT).min(wanted);
        let worker = Worker::start(options.clone()).map_err(|error| ProviderError::Misconfigured {
            message: format!("no thread for the model: {error}"),
        })?;
        Ok(Self { options, context_window, worker })
    }

    /// Reads a file's header and says which model it is; loads nothing.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`] when the file is missing, no GGUF, cut off, or of a family this module can't run;
    /// it names the path and what to do.
    pub fn inspect(path: &std::path::Path) -> Result<ModelInfo, ProviderError> {
        let file = ModelFile::open(path)?;
        transformer::Shape::read(&file)?;
        text::check(&file)?;
        Ok(info(path, file.context_window()?, LocalOptions::new(path).max_tokens))
    }

    /// Whether the model is in memory now.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.worker.is_loaded()
    }
}

fn info(path: &std::path::Path, context_window: u32, max_tokens: u32) -> ModelInfo {
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    ModelInfo {
        name,
        context_window,
        max_tokens: max_tokens.min(context_window),
        vision: false,
        tools: false,
    }
}

#[async_trait]
impl Provider for LocalProvider {
    fn model(&self) -> ModelInfo {
        info(&self.options.path, self.context_window, self.options.max_tokens)
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        let mut events = self.worker.submit(request.clone())?;
        let first = tokio::time::timeout(self.options.timeout, events.recv())
            .await
            .map_err(|_| ProviderError::TimedOut { after: self.options.timeout })?;
        match first {
            Some(Ok(event)) => Ok(Box::pin(Answer { first: Some(event), events })),
            Some(Err(error)) => Err(error),
            None => Err(ModelFileError::stopped()),
        }
    }
}

/// What is left of an answer whose first event is known.
struct Answer {
    first: Option<ModelEvent>,
    events: mpsc::Receiver<Result<ModelEvent, ProviderError>>,
}

impl Stream for Answer {
    type Item = Result<ModelEvent, ProviderError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        match self.first.take() {
            Some(event) => std::task::Poll::Ready(Some(Ok(event))),
            None => self.events.poll_recv(context),
        }
    }
}
