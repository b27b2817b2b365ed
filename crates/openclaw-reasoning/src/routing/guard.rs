//! The line between "nobody has heard anything yet" and "an answer has begun".

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::{ModelEvent, ModelStream, ProviderError};

/// A stream whose first piece of content has come. From here on every fault is a [`ProviderError::Cut`]: no other answer
/// may follow what a reader has seen.
pub(super) struct Begun {
    usage: Option<ModelEvent>,
    first: Option<ModelEvent>,
    rest: ModelStream,
    ended: bool,
}

/// Waits for the first piece of content. An error, or an end, before it means that nothing was said: the caller may ask
/// again or elsewhere. Deadlines are the provider's business.
pub(super) async fn begin(mut rest: ModelStream) -> Result<Begun, ProviderError> {
    let mut usage = None;
    loop {
        let first = match rest.next().await {
            // Counts so far; later ones replace earlier ones, so the last is enough.
            Some(Ok(event @ ModelEvent::Usage(_))) => {
                usage = Some(event);
                continue;
            }
            Some(Ok(ModelEvent::Text(text))) if text.is_empty() => continue,
            Some(Ok(event)) => event,
            Some(Err(error)) => return Err(error),
            None => return Err(ProviderError::Cut { message: "it ended before it began".into() }),
        };
        return Ok(Begun { usage, first: Some(first), rest, ended: false });
    }
}

impl Stream for Begun {
    type Item = Result<ModelEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        if let Some(usage) = this.usage.take() {
            return Poll::Ready(Some(Ok(usage)));
        }
        let next = match this.first.take() {
            Some(first) => Some(Ok(first)),
            None => match this.rest.as_mut().poll_next(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(Some(match next {
            Some(Ok(event)) => {
                this.ended = matches!(event, ModelEvent::Done(_));
                Ok(event)
            }
            Some(Err(error)) => {
                this.ended = true;
                Err(match error {
                    cut @ ProviderError::Cut { .. } => cut,
                    other => ProviderError::Cut { message: other.to_string() },
                })
            }
            None => {
                this.ended = true;
                Err(ProviderError::Cut { message: "the provider closed the stream before its end".into() })
            }
        }))
    }
}
