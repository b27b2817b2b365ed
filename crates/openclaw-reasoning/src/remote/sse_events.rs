//! Answers that come as server-sent events: how they begin and end is the same at every vendor, what an event says is not.

use std::{collections::VecDeque, ops::ControlFlow};

use crate::{
    ModelEvent, ProviderError, StopReason,
    sse::{EventTooLong, SseDecoder},
    stream::Decoder,
};

/// Understands one vendor's events.
pub(crate) trait EventReader: Send + 'static {
    /// Takes the data of the next event and pushes what it says; breaks off at the protocol's end mark.
    fn take(
        &mut self,
        data: &[u8],
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<ControlFlow<()>, ProviderError>;

    /// Why the model stopped, once it has said so.
    fn stop(&self) -> Option<StopReason>;

    /// The answer is whole, and stopped for this reason: pushes what was held back, and [`ModelEvent::Done`].
    fn finish(&mut self, stop: StopReason, events: &mut VecDeque<ModelEvent>);

    /// As of [`Decoder`].
    fn is_winding_up(&self) -> bool {
        false
    }
}

/// Cuts a body into events, which `R` reads.
#[derive(Debug)]
pub(crate) struct SseEvents<R> {
    sse: SseDecoder,
    reader: R,
    done: bool,
}

impl<R> SseEvents<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { sse: SseDecoder::new(), reader, done: false }
    }
}

impl<R: EventReader> Decoder for SseEvents<R> {
    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<ModelEvent>) -> Result<(), ProviderError> {
        let Self { sse, reader, done } = self;
        sse.feed(bytes, |_, data| {
            if !*done && reader.take(data, events)?.is_break() {
                *done = true;
                reader.finish(reader.stop().unwrap_or(StopReason::EndTurn), events);
            }
            Ok(())
        })
    }

    fn end(&mut self, events: &mut VecDeque<ModelEvent>) {
        // Some compatible servers close without their protocol's end mark; a reason for stopping says as much.
        if let Some(stop) = self.reader.stop()
            && !std::mem::replace(&mut self.done, true)
        {
            self.reader.finish(stop, events);
        }
    }

    fn is_winding_up(&self) -> bool {
        self.reader.is_winding_up()
    }
}

impl From<EventTooLong> for ProviderError {
    fn from(error: EventTooLong) -> Self {
        Self::Malformed { message: error.to_string() }
    }
}
