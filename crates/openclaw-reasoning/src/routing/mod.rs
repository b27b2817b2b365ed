//! Providers in order: retry at one, then fail over to the next.

mod breaker;
mod error;
mod guard;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use openclaw_core::{TokenUsage, config::ProviderKind};
use tracing::{debug, info, warn};

pub use self::error::{FailCause, ProviderSaid, RouteError};
use self::{
    breaker::Breaker,
    error::{Logged, LoggedError, refuses_tools},
    guard::begin,
};
use crate::{
    ModelInfo, ModelRequest, ModelStream, Provider, ProviderError,
    context::{self, Calibration, Count},
    retry::{Wait, wait},
};

/// Most attempts of one request over all providers, whatever their own bounds add up to.
const MAX_ATTEMPTS: u32 = 24;

/// One provider in a [`Router`].
#[derive(Clone)]
pub struct Route {
    /// Its name in the configuration.
    pub name: String,
    /// Its kind.
    pub kind: ProviderKind,
    /// Attempts after the first before the next route is asked.
    pub max_retries: u32,
    /// Itself.
    pub provider: Arc<dyn Provider>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("max_retries", &self.max_retries)
            .field("model", &self.provider.model().name)
            .finish_non_exhaustive()
    }
}

/// Asks providers in order until one begins to answer.
///
/// Which errors lead where: what may pass (429, 5xx, no connection, a stream that broke before its first word) is tried again
/// at the same provider with jittered backoff, honouring `Retry-After` up to 30 s; then, and for everything else, the
/// next route is asked. A time-out is only tried again where no other route is left, since it has cost the caller a whole
/// `timeout_ms` already. A provider that five requests in a row could not reach is left alone for 30 s, then probed by one
/// request; failed probes double the pause up to 5 minutes. Once a word of an answer is out, no other provider is asked.
///
/// A server that says its model calls no tools is asked again without them, and from then on.
#[derive(Debug, Default)]
pub struct Router {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    route: Route,
    breaker: Breaker,
    calibration: Arc<Calibration>,
    /// Whether the provider said that its model calls no tools.
    is_toolless: AtomicBool,
}

/// An answer that has begun.
pub struct RoutedStream {
    /// Name of the provider that answers.
    pub provider: String,
    /// The model that answers.
    pub model: ModelInfo,
    /// The answer. Every error in it is a [`ProviderError::Cut`], and without an error it ends with
    /// [`ModelEvent::Done`](crate::ModelEvent::Done).
    pub events: ModelStream,
    /// Ours of the request's tokens, for comparison with the vendor's.
    pub(crate) measure: Measure,
}

/// What a request costs by our count, and where to tell the vendor's.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    count: Count,
    calibration: Arc<Calibration>,
}

impl Measure {
    /// The vendor has counted the whole request.
    pub(crate) fn counted(&self, usage: TokenUsage) {
        self.calibration.learn(self.count, usage.input);
    }
}

impl fmt::Debug for RoutedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutedStream")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl Router {
    /// A router over `routes`, asked in this order. None at all is fine: every request then fails with
    /// [`RouteError::NoProvider`].
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        Self { slots: routes.into_iter().map(Slot::new).collect() }
    }

    /// The model that is asked first, and what is known of how it counts.
    pub(crate) fn first(&self) -> Option<(ModelInfo, &Calibration)> {
        self.slots.first().map(|slot| (slot.model(), &*slot.calibration))
    }

    /// Kind and model of the provider that is asked first.
    #[must_use]
    pub fn primary(&self) -> Option<(&'static str, ModelInfo)> {
        self.slots.first().map(|slot| (slot.route.kind.as_str(), slot.route.provider.model()))
    }

    /// The routes, in the order they are asked.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.slots.iter().map(|slot| &slot.route)
    }

    /// Whether there is nobody to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Asks until somebody begins to answer; returns with the first piece of content at hand. Each provider is asked for what its
    /// model can take: the oldest messages and tools are left out, and the answer is bounded, by that model's window.
    ///
    /// # Errors
    /// [`RouteError`], when nobody does.
    ///
    /// Cancel safety: dropping the future abandons the request.
    pub async fn stream(&self, request: &ModelRequest) -> Result<RoutedStream, RouteError> {
        if self.slots.is_empty() {
            return Err(RouteError::NoProvider);
        }
        let mut said = Vec::new();
        let mut budget = MAX_ATTEMPTS;
        for (index, slot) in self.slots.iter().enumerate() {
            let is_last = index + 1 == self.slots.len();
            let mut model = slot.model();
            let (attempts, cause) = match slot.breaker.admit() {
                Err(retry_in) => (0, FailCause::Paused { retry_in }),
                Ok(permit) => {
                    let mut attempts = 0;
                    let mut fitted = context::fit(request, &slot.calibration.gauge(&model));
                    let mut asked = slot.ask(&fitted.request, is_last, budget.max(1), &mut attempts).await;
                    if let Err(error) = &asked
                        && !fitted.request.tools.is_empty()
                        && refuses_tools(error)
                    {
                        warn!(provider = %slot.route.name, model = %model.name, error = %LoggedError(error), "the model calls no tools; it is asked without them from now on");
                        slot.is_toolless.store(true, Ordering::Relaxed);
                        model = slot.model();
                        fitted = context::fit(request, &slot.calibration.gauge(&model));
                        asked = slot.ask(&fitted.request, is_last, budget.max(1), &mut attempts).await;
                    }
                    budget = budget.saturating_sub(attempts);
                    match asked {
                        Ok(events) => {
                            permit.succeeded();
                            if index > 0 {
                                info!(provider = %slot.route.name, model = %model.name, "a fallback provider answers");
                            }
                            let calibration = Arc::clone(&slot.calibration);
                            let measure = Measure { count: fitted.count, calibration };
                            let provider = slot.route.name.clone();
                            return Ok(RoutedStream { provider, model, events, measure });
                        }
                        Err(error) => {
                            if is_outage(&error) {
                                permit.failed();
                            } else if !matches!(error, ProviderError::Status { status: 429, .. }) {
                                permit.succeeded();
                            }
                            (attempts, error.into())
                        }
                    }
                }
            };
            warn!(provider = %slot.route.name, model = %model.name, attempts, error = %Logged(&cause), "a provider could not answer");
            said.push(ProviderSaid { provider: slot.route.name.clone(), model: model.name, attempts, cause });
        }
        Err(RouteError::AllFailed { said })
    }
}

impl Slot {
    fn new(route: Route) -> Self {
        let calibration = Arc::new(Calibration::new(route.kind));
        Self { route, breaker: Breaker::new(), calibration, is_toolless: AtomicBool::new(false) }
    }

    /// The model, as far as it showed what it can do.
    fn model(&self) -> ModelInfo {
        let mut model = self.route.provider.model();
        model.tools &= !self.is_toolless.load(Ordering::Relaxed);
        model
    }

    /// Asks one provider, at most `budget` times, again where that may help. Counts in `attempts`.
    async fn ask(
        &self,
        request: &ModelRequest,
        is_last: bool,
        budget: u32,
        attempts: &mut u32,
    ) -> Result<ModelStream, ProviderError> {
        loop {
            *attempts += 1;
            let error = match self.ask_once(request).await {
                Ok(events) => return Ok(events),
                Err(error) => error,
            };
            if *attempts > self.route.max_retries || *attempts >= budget || !may_repeat(&error, is_last) {
                return Err(error);
            }
            let retry_after = match &error {
                ProviderError::Status { retry_after, .. } => *retry_after,
                _ => None,
            };
            let Wait::For(pause) = wait(*attempts - 1, retry_after, fastrand::f64()) else {
                return Err(error);
            };
            debug!(provider = %self.route.name, error = %LoggedError(&error), wait_ms = pause.as_millis() as u64, "asking again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask_once(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        Ok(Box::pin(begin(self.route.provider.stream(request).await?).await?))
    }
}

/// Whether asking the same provider again may help, given that it has said nothing yet.
fn may_repeat(error: &ProviderError, is_last: bool) -> bool {
    match error {
        ProviderError::TimedOut { .. } => is_last,
        ProviderError::Cut { .. } => true,
        other => other.is_retryable(),
    }
}

/// Whether the provider itself is in trouble, as opposed to the request or the account.
fn is_outage(error: &ProviderError) -> bool {
    match error {
        ProviderError::Status { status, .. } => *status >= 500,
        ProviderError::Unreachable { .. } | ProviderError::TimedOut { .. } | ProviderError::Cut { .. } => {
            true
        }
        ProviderError::Malformed { .. } | ProviderError::Misconfigured { .. } => false,
    }
}
