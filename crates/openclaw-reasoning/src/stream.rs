//! From a body's bytes to the model's events, with a deadline between bytes.

use std::{collections::VecDeque, time::Duration};

use futures_util::stream::unfold;
use tokio::time::timeout;

use crate::{
    ModelEvent, ModelStream, ProviderError,
    http::{Body, Endpoint},
};

/// Time to the first byte of an answer and between two of them, in milliseconds, when the configuration does not say.
pub(crate) const DEFAULT_TIMEOUT_MS: u64 = 60_000;
/// How long an answer that is complete but for its counts waits for them.
const WIND_UP: Duration = Duration::from_secs(2);
/// How long the end of a body is waited for after the answer's end, so that the connection can be used again.
const DRAIN: Duration = Duration::from_millis(20);

/// Understands one vendor's stream.
pub(crate) trait Decoder: Send + 'static {
    /// Takes the next bytes; pushes the events in them.
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<ModelEvent>) -> Result<(), ProviderError>;

    /// The body is over: pushes what was held back, [`ModelEvent::Done`] too when the answer is whole.
    fn end(&mut self, events: &mut VecDeque<ModelEvent>);

    /// Whether only extras, such as counts, can still come.
    fn is_winding_up(&self) -> bool {
        false
    }
}

struct Reading<D> {
    body: Body,
    decoder: D,
    endpoint: Endpoint,
    between_bytes: Duration,
    events: VecDeque<ModelEvent>,
    /// What ends the stream, once the events before it are given out.
    fault: Option<ProviderError>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    /// The body is over, or nothing more of it is wanted.
    Ended,
    /// The last item was given out.
    Told,
}

/// The events of `body`. A stream that breaks or falls silent ends with an error; the scrubbing of vendor's words is done
/// here, for every vendor.
pub(crate) fn events<D: Decoder>(
    body: Body,
    decoder: D,
    endpoint: Endpoint,
    between_bytes: Duration,
) -> ModelStream {
    let events = VecDeque::with_capacity(8);
    let reading = Reading { body, decoder, endpoint, between_bytes, events, fault: None, state: State::Open };
    // In a box, because it goes to and fro with every event.
    Box::pin(unfold(Box::new(reading), |mut reading| async {
        let item = reading.next().await?;
        Some((item, reading))
    }))
}

impl<D: Decoder> Reading<D> {
    async fn next(&mut self) -> Option<Result<ModelEvent, ProviderError>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                if matches!(event, ModelEvent::Done(_)) {
                    self.drain().await;
                    self.state = State::Told;
                }
                return Some(Ok(event));
            }
            if let Some(fault) = self.fault.take() {
                self.state = State::Told;
                return Some(Err(self.presentable(fault)));
            }
            match self.state {
                State::Told => return None,
                State::Ended => {
                    self.state = State::Told;
                    let message = "the provider closed the stream before its end".to_owned();
                    return Some(Err(ProviderError::Cut { message }));
                }
                State::Open => {
                    if let Err(fault) = self.read().await {
                        self.fault = Some(fault);
                    }
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), ProviderError> {
        let winding_up = self.decoder.is_winding_up();
        let wait = if winding_up { self.between_bytes.min(WIND_UP) } else { self.between_bytes };
        match timeout(wait, self.body.chunk()).await {
            Ok(Ok(Some(bytes))) => self.decoder.feed(&bytes, &mut self.events),
            Ok(Ok(None)) => {
                self.state = State::Ended;
                self.decoder.end(&mut self.events);
                Ok(())
            }
            // The answer itself is whole; only extras are missing.
            Err(_) | Ok(Err(_)) if winding_up => {
                self.state = State::Ended;
                self.decoder.end(&mut self.events);
                Ok(())
            }
            Err(_) => Err(ProviderError::TimedOut { after: wait }),
            Ok(Err(message)) => Err(ProviderError::Cut { message }),
        }
    }

    /// Reads past the answer's end to the body's: a connection goes back to the pool only then.
    async fn drain(&mut self) {
        if self.state == State::Open {
            let _ = timeout(DRAIN, async { while let Ok(Some(_)) = self.body.chunk().await {} }).await;
        }
    }

    fn presentable(&self, error: ProviderError) -> ProviderError {
        let clean = |message: String| self.endpoint.presentable(&message);
        match error {
            ProviderError::Cut { message } => ProviderError::Cut { message: clean(message) },
            ProviderError::Malformed { message } => ProviderError::Malformed { message: clean(message) },
            ProviderError::Status { status, message, retry_after } => {
                ProviderError::Status { status, message: clean(message), retry_after }
            }
            other => other,
        }
    }
}

/// What is wrong with an event that is not JSON of the expected shape. Only where and of what kind: the event itself, which
/// serde's own words may quote, is the model's answer.
pub(crate) fn malformed(error: &serde_json::Error) -> ProviderError {
    let what = match error.classify() {
        serde_json::error::Category::Data => "JSON of another shape",
        serde_json::error::Category::Eof => "JSON that ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
    };
    let message = format!("{what} at line {} column {}", error.line(), error.column());
    ProviderError::Malformed { message }
}

#[cfg(test)]
mod tests {
    use super::malformed;

    #[test]
    fn a_malformed_event_is_told_by_place_and_never_by_content() {
        for (data, told) in [
            (r#"{"a": "canary"#, "the answer can't be read: JSON that ends too early at line 1 column 13"),
            (r#""canary""#, "the answer can't be read: JSON of another shape at line 1 column 8"),
            ("canary", "the answer can't be read: not JSON at line 1 column 1"),
        ] {
            let error = serde_json::from_str::<std::collections::BTreeMap<String, String>>(data).unwrap_err();
            assert_eq!(malformed(&error).to_string(), told);
        }
    }
}
