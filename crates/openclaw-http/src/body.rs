//! Request bodies: bounded before and while they are read, and read strictly.

use std::{future::poll_fn, ops::Deref, pin::Pin, sync::Arc, task::Poll, time::Duration};

use bytes::{Bytes, BytesMut};
use hyper::{
    body::{Body, Incoming},
    header::{self, HeaderValue},
};
use openclaw_core::{ErrorCode, Failure};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep_until, timeout},
};

use crate::{Limits, app::App, respond::Refusal};

/// Bytes of a refused body that are taken in, so that its sender gets to read the refusal.
const DISCARDED_BYTES: usize = 64 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(2);
/// A sender that has been quiet for this long is waiting for our answer.
const DISCARD_QUIET: Duration = Duration::from_millis(250);
/// Room made for a body of announced length before its bytes are there: a lie about it must not cost more.
const EAGER_BYTES: usize = 256 * 1024;
/// Bodies above this length are parsed beside the threads that serve.
pub(crate) const PARSED_AT_ONCE: usize = 1024 * 1024;

/// The memory that bodies above a size take up together, of which there is [`Limits::BODIES_BYTES`].
pub(crate) struct BodyRoom(Arc<Semaphore>);

/// A part of it, given back when dropped.
#[derive(Default)]
pub(crate) struct Held(Option<OwnedSemaphorePermit>);

impl BodyRoom {
    const UNIT: usize = 1024;

    pub(crate) fn new() -> Self {
        Self::of(Limits::BODIES_BYTES)
    }

    fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / Self::UNIT)))
    }

    /// Makes `held` large enough for `bytes`, in doubling steps up to `cap`. Without room the client is to come back.
    fn hold(&self, held: &mut Held, bytes: usize, cap: usize) -> Result<(), Refusal> {
        let so_far = held.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if bytes <= EAGER_BYTES || bytes <= so_far * Self::UNIT {
            return Ok(());
        }
        let wanted = bytes.next_power_of_two().min(cap.max(bytes)).div_ceil(Self::UNIT);
        let more = u32::try_from(wanted - so_far).unwrap_or(u32::MAX);
        let permit = self.0.clone().try_acquire_many_owned(more).map_err(|_| no_room())?;
        match &mut held.0 {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

fn no_room() -> Refusal {
    let message = "Too many large requests are being read; try again in a moment";
    Refusal::from(
        Failure::new(ErrorCode::ServiceUnavailable, message).with("reason", "too_many_large_bodies"),
    )
    .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    .closing()
}

/// A body with the room it takes up.
#[derive(Default)]
pub(crate) struct Whole {
    bytes: Bytes,
    held: Held,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Whole {
    /// The bytes, as something that can be taken elsewhere.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Reads the JSON object, a large one on a thread for such work. What was read from it is as large as itself: its room
    /// is to be held as long as that is.
    pub(crate) async fn parse<T: DeserializeOwned + Send + 'static>(self) -> Result<(T, Held), Refusal> {
        let Self { bytes, held } = self;
        let parsed = if bytes.len() > PARSED_AT_ONCE {
            tokio::task::spawn_blocking(move || parse(&bytes)).await.map_err(Refusal::internal)?
        } else {
            parse(&bytes)
        };
        Ok((parsed?, held))
    }
}

/// Reads a body of at most `cap` bytes. When this fails, what is left of the body stays in `body`.
pub(crate) async fn read(body: &mut Option<Incoming>, cap: usize, app: &App) -> Result<Whole, Refusal> {
    let Some(incoming) = body.as_mut() else { return Ok(Whole::default()) };
    let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > cap {
        return Err(too_large(cap));
    }
    let mut clock = BodyClock::new(&app.limits);
    let (mut whole, mut held) = (BytesMut::new(), Held::default());
    while let Some(chunk) = clock.next_chunk(incoming, whole.len()).await? {
        if whole.len() + chunk.len() > cap {
            return Err(too_large(cap));
        }
        if whole.is_empty() && incoming.is_end_stream() {
            *body = None;
            return Ok(Whole { bytes: chunk, held });
        }
        if whole.is_empty() {
            whole.reserve(announced.clamp(chunk.len(), EAGER_BYTES.max(chunk.len())));
        }
        app.body_room.hold(&mut held, whole.len() + chunk.len(), cap)?;
        whole.extend_from_slice(&chunk);
    }
    *body = None;
    Ok(Whole { bytes: whole.freeze(), held })
}

fn too_large(cap: usize) -> Refusal {
    let message = format!("The body is over the bound of {cap} bytes");
    Refusal::from(Failure::new(ErrorCode::PayloadTooLarge, message).with("max_bytes", cap)).closing()
}

/// Holds a body to its time. The timer is made on the first wait: most bodies arrive with their head.
struct BodyClock {
    began: Instant,
    allowed: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl BodyClock {
    fn new(limits: &Limits) -> Self {
        Self { began: Instant::now(), allowed: limits.body_timeout, timer: None }
    }

    async fn next_chunk(&mut self, body: &mut Incoming, received: usize) -> Result<Option<Bytes>, Refusal> {
        let earned = Duration::from_secs(received as u64 / Limits::BODY_BYTES_PER_SECOND);
        let deadline = self.began + self.allowed + earned;
        loop {
            let frame = poll_fn(|cx| {
                if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
                    return Poll::Ready(Ok(frame));
                }
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
                timer.as_mut().poll(cx).map(Err)
            })
            .await;
            match frame {
                Ok(None) => return Ok(None),
                // Trailers say nothing we read.
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(Some(Err(_))) => {
                    return Err(Refusal::from(Failure::bad_field(
                        "body",
                        "ended early, or its chunks are malformed",
                    ))
                    .closing());
                }
                Err(()) => {
                    let message = "The request body did not arrive in time";
                    return Err(Refusal::from(Failure::new(ErrorCode::Timeout, message)).closing());
                }
            }
        }
    }
}

/// Takes in what a client still sends, within bounds, and forgets it.
pub(crate) async fn discard(mut body: Incoming) {
    let drain = async {
        let mut left = DISCARDED_BYTES;
        loop {
            let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
            let Ok(Some(Ok(frame))) = timeout(DISCARD_QUIET, frame).await else { return };
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
            left = rest;
        }
    };
    // Running out of time is one of the bounds.
    let _ = timeout(DISCARD_TIME, drain).await;
}

/// Reads a JSON object. What is wrong is named by its path.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failure> {
    match bytes.trim_ascii_start().first() {
        None => return Err(Failure::bad_field("body", "is missing; send a JSON object")),
        Some(b'{') => {}
        Some(_) => return Err(Failure::bad_field("body", "must be a JSON object")),
    }
    check_depth(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Failure::bad_field("body", format!("is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() {
            let field = if path == "." { "body" } else { &path };
            return Failure::bad_field(field, crate::wire::plain_reason(&error));
        }
        malformed(&error)
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(parsed)
}

fn malformed(error: &serde_json::Error) -> Failure {
    Failure::bad_field("body", format!("is not JSON: {error}"))
}

/// Nesting is bounded before parsing: what a parser ignores it may still descend into.
fn check_depth(bytes: &[u8]) -> Result<(), Failure> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = after_string(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                if depth > Limits::JSON_DEPTH {
                    let reason = format!("is nested deeper than {} levels", Limits::JSON_DEPTH);
                    return Err(Failure::bad_field("body", reason));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn after_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(offset) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += offset + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default)]
        count: Option<u64>,
    }

    fn reason(body: &[u8]) -> (String, String) {
        let failure = parse::<Sample>(body).unwrap_err();
        let text = |key: &str| failure.details[key].as_str().unwrap().to_owned();
        (text("field"), text("reason"))
    }

    #[test]
    fn large_bodies_share_a_bounded_room() {
        const MIB: usize = 1024 * 1024;
        let room = BodyRoom::of(4 * MIB);
        let (mut small, mut first, mut second) = (Held::default(), Held::default(), Held::default());
        room.hold(&mut small, EAGER_BYTES, 8 * MIB).unwrap();
        assert!(small.0.is_none(), "small bodies don't count");
        for bytes in [MIB / 2, MIB, 2 * MIB + 1, 3 * MIB] {
            room.hold(&mut first, bytes, 3 * MIB).unwrap();
        }
        room.hold(&mut second, MIB, 3 * MIB).unwrap();
        assert!(room.hold(&mut second, MIB + 1, 3 * MIB).is_err(), "all is taken");
        drop(first);
        room.hold(&mut second, 3 * MIB, 3 * MIB).unwrap();
        drop(second);
        assert_eq!(room.0.available_permits() * BodyRoom::UNIT, 4 * MIB);
    }

    #[test]
    fn reads_an_object() {
        assert_eq!(parse::<Sample>(b" {\"count\": 3, \"other\": [1]}\n").unwrap().count, Some(3));
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(reason(b""), ("body".into(), "is missing; send a JSON object".into()));
        assert_eq!(reason(b"[3]"), ("body".into(), "must be a JSON object".into()));
        assert_eq!(
            reason(b"{\"count\":\"3\"}"),
            ("count".into(), "must be a whole number, not \"3\"".into())
        );
        assert_eq!(reason(b"{\"count\":1.5}").0, "count");
        assert_eq!(reason(b"{\"count\":\"\xff\"}"), ("body".into(), "is not UTF-8 at byte 10".into()));
        for broken in [&b"{"[..], b"{\"count\":3}x", b"{\"count\":3,}", b"{count:3}"] {
            let (field, reason) = reason(broken);
            assert!(field == "body" && reason.starts_with("is not JSON"), "{reason}");
        }
        assert_eq!(reason(b"{\"count\":3,\"count\":4}").1, "is given twice: `count`");
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        let nested = |levels: usize| {
            let inner = levels - 1;
            format!(
                "{{\"a\":{}{}, \"s\": \"{}\\\"[\"}}",
                "[".repeat(inner),
                "]".repeat(inner),
                "[".repeat(500)
            )
        };
        assert!(parse::<Sample>(nested(128).as_bytes()).is_ok());
        assert_eq!(reason(nested(129).as_bytes()).1, "is nested deeper than 128 levels");
        assert!(parse::<Sample>(b"{\"a\":\"\\").is_err());
    }
}
