//! One client on one socket, from its first frame to the close.

use std::{sync::Arc, time::Duration};

use hyper::{header::HeaderValue, upgrade::OnUpgrade};
use openclaw_core::{ErrorCode, Failure, Secret};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tracing::debug;

use super::{
    frame::{self, RequestId},
    inflight::{Ask, InFlight, Progress},
    socket::{Received, Socket, Unwritable},
};
use crate::{
    Limits, approval, auth,
    conn::ConnContext,
    limit::Caller,
    policy::Policy,
    respond::Refusal,
    submit,
    wire::message::{ApproveRequest, ClientFrame},
};

const UNAUTHORIZED: CloseCode = CloseCode::Library(4001);
const UNRESPONSIVE: CloseCode = CloseCode::Library(4002);
/// Pings that may go unanswered.
const MISSED_PINGS: u32 = 3;
/// Kept from the drain's time for the closing handshake.
const FAREWELL: Duration = Duration::from_millis(1200);

/// Why a session ends: the code to close with, or `None` when nobody is there to read it.
type End = Option<(CloseCode, &'static str)>;

struct Session {
    conn: Arc<ConnContext>,
    socket: Socket,
    id: String,
    in_flight: InFlight,
    /// What the client showed; checked again when the configuration changes.
    token: Secret,
    policy: Arc<Policy>,
    caller: Caller,
    missed_pings: u32,
    draining: bool,
}

/// Holds the conversation to its end.
pub(super) async fn run(conn: Arc<ConnContext>, upgrade: OnUpgrade) {
    // The connection either changes protocols or ends, both within its own deadlines.
    let Ok(upgraded) = upgrade.await else { return };
    conn.slot.phase.busy();
    let mut socket = Socket::new(upgraded, conn.app.limits.write_timeout).await;
    let policy = conn.app.policy.current();
    let (token, caller) = match authenticate(&conn, &policy, &mut socket).await {
        Ok(granted) => granted,
        Err(refusal) => return turn_away(socket, refusal).await,
    };
    let id = format!("ws_{}", ulid::Ulid::generate());
    if socket.send(frame::auth_success(&id), || None).await.is_err() {
        return;
    }
    debug!(session = %id, peer = %conn.peer, "websocket opened");
    let in_flight = InFlight::new(conn.app.services.agent.clone());
    let session =
        Session { conn, socket, id, in_flight, token, policy, caller, missed_pings: 0, draining: false };
    session.hold().await;
}

/// The first frame must carry the token.
async fn authenticate(
    conn: &ConnContext,
    policy: &Policy,
    socket: &mut Socket,
) -> Result<(Secret, Caller), Option<Failure>> {
    let deadline = Instant::now() + conn.app.limits.socket_auth_timeout;
    let mut stop = std::pin::pin!(conn.app.stop.cancelled());
    let first = async {
        loop {
            match socket.receive().await {
                Received::Alive => {}
                other => return other,
            }
        }
    };
    let first = tokio::select! {
        first = first => first,
        () = sleep_until(deadline) => Received::Binary,
        () = &mut stop => return Err(None),
    };
    let presented = match first {
        Received::Text(text) => frame::read(&text).ok().filter(|frame| frame.kind.as_deref() == Some("auth")),
        Received::Closing | Received::Gone => return Err(None),
        Received::Binary | Received::Alive | Received::Broken(..) => None,
    };
    // With auth off any frame of the right kind will do; with auth on, one without a token is a failure like any other.
    let token = presented.as_ref().map(|frame| Secret::new(frame.token.clone().unwrap_or_default()));
    if token.is_none() && !policy.config.auth.enabled {
        return Err(Some(Failure::new(
            ErrorCode::Unauthorized,
            "The first frame must be of the type `auth`",
        )));
    }
    let bytes = token.as_ref().map(|token| token.expose().as_bytes());
    match auth::check_token(bytes, policy, conn.peer, &conn.app.failures) {
        Ok(caller) => Ok((token.unwrap_or_default(), caller)),
        Err(refusal) => Err(Some(refusal.tell(&HeaderValue::from_static("ws")).0)),
    }
}

async fn turn_away(mut socket: Socket, refusal: Option<Failure>) {
    let Some(failure) = refusal else {
        return socket.close(CloseCode::Away, "the gateway is shutting down").await;
    };
    if socket.send(frame::error(&failure, &None), || None).await.is_ok() {
        socket.close(UNAUTHORIZED, "unauthorized").await;
    }
}

impl Session {
    async fn hold(mut self) {
        let end = self.converse().await;
        debug!(session = %self.id, code = end.map(|(code, _)| u16::from(code)), "websocket closed");
        if let Some((code, reason)) = end {
            self.socket.close(code, reason).await;
        }
    }

    async fn converse(&mut self) -> End {
        let app = self.conn.app.clone();
        let every = app.limits.socket_ping;
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(app.stop.cancelled());
        let mut last_call = std::pin::pin!(sleep_until(Instant::now() + every));
        loop {
            if self.draining && self.in_flight.is_empty() {
                return Some((CloseCode::Away, "the gateway is shutting down"));
            }
            let step = tokio::select! {
                () = &mut stop, if !self.draining => {
                    self.draining = true;
                    last_call.as_mut().reset(Instant::now() + app.drain.saturating_sub(FAREWELL));
                    Ok(())
                }
                () = &mut last_call, if self.draining => {
                    Err(Some((CloseCode::Away, "the gateway is shutting down")))
                }
                progress = self.in_flight.next() => self.tell(progress).await,
                _ = pings.tick() => self.ping().await,
                received = self.socket.receive() => self.take(received).await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn tell(&mut self, progress: Progress) -> Result<(), End> {
        let first = match progress {
            Progress::Frame(frame) => frame,
            Progress::Refused(refusal, request_id) => self.refusal_frame(refusal, &request_id),
        };
        let in_flight = &mut self.in_flight;
        self.socket.send(first, || in_flight.ready()).await.map_err(|Unwritable| None)
    }

    async fn send(&mut self, frame: String) -> Result<(), End> {
        self.socket.send(frame, || None).await.map_err(|Unwritable| None)
    }

    fn refusal_frame(&self, refusal: Refusal, request_id: &RequestId) -> String {
        let own = HeaderValue::from_str(&self.id).unwrap_or(HeaderValue::from_static("ws"));
        frame::error(&refusal.tell(&own).0, request_id)
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.missed_pings >= MISSED_PINGS {
            return Err(Some((UNRESPONSIVE, "three pings went unanswered")));
        }
        self.missed_pings += 1;
        self.socket.ping().await.map_err(|Unwritable| None)
    }

    async fn take(&mut self, received: Received) -> Result<(), End> {
        self.missed_pings = 0;
        match received {
            Received::Text(text) => match frame::read(&text) {
                Ok(frame) => self.answer(frame).await,
                Err(unreadable) => {
                    let (failure, request_id) = *unreadable;
                    self.mistake(failure, request_id).await
                }
            },
            Received::Binary => {
                let failure = Failure::new(ErrorCode::BadRequest, "Frames must be text with a JSON object");
                self.mistake(failure, None).await
            }
            Received::Alive => Ok(()),
            Received::Closing => Err(Some((CloseCode::Normal, ""))),
            Received::Gone => Err(None),
            Received::Broken(code, reason) => Err(Some((code, reason))),
        }
    }

    async fn answer(&mut self, frame: ClientFrame) -> Result<(), End> {
        match frame.kind.as_deref() {
            Some("message") => self.accept(frame).await,
            Some("approve") => self.approve(frame).await,
            Some("ping") => self.send(frame::pong()).await,
            Some("auth") => {
                let token = Secret::new(frame.token.unwrap_or_default());
                self.check_token(&token).await?;
                self.send(frame::auth_success(&self.id)).await
            }
            Some(_) => {
                self.refuse_type("must be one of auth, message, approve, ping", frame.request_id).await
            }
            None => self.refuse_type("is required", frame.request_id).await,
        }
    }

    async fn refuse_type(&mut self, reason: &str, request_id: RequestId) -> Result<(), End> {
        self.mistake(Failure::bad_field("type", reason), request_id).await
    }

    /// Answers a frame that means nothing. It counts as a request, so that nobody sends such frames without end.
    async fn mistake(&mut self, failure: Failure, request_id: RequestId) -> Result<(), End> {
        let failure = self.over_the_limit().unwrap_or(failure);
        self.send(frame::error(&failure, &request_id)).await
    }

    /// Counts a request; what it is answered with when it is one too many.
    fn over_the_limit(&self) -> Option<Failure> {
        let per_minute = self.policy.config.rate_limit.requests_per_minute;
        if per_minute == 0 {
            return None;
        }
        self.conn.app.requests.count(self.caller, per_minute).refusal()
    }

    async fn accept(&mut self, frame: ClientFrame) -> Result<(), End> {
        self.follow_policy().await?;
        let request_id = frame.request_id.clone();
        match self.check_message(frame) {
            Ok(ask) => {
                self.in_flight.push(ask);
                Ok(())
            }
            Err(failure) => self.send(frame::error(&failure, &request_id)).await,
        }
    }

    /// Passes a person's word on a call that waits to its run.
    async fn approve(&mut self, frame: ClientFrame) -> Result<(), End> {
        self.follow_policy().await?;
        let ClientFrame { id, call_id, approve, reason, request_id, .. } = frame;
        let agent = Arc::clone(&self.conn.app.services.agent);
        let told = match (self.over_the_limit(), id) {
            (Some(failure), _) => frame::error(&failure, &request_id),
            (None, None) => frame::error(&Failure::bad_field("id", "is required: the run's id"), &request_id),
            (None, Some(id)) => {
                match approval::give(&*agent, &id, ApproveRequest { approve, call_id, reason }).await {
                    Ok(approved) => frame::approval(&approved, &request_id),
                    Err(refusal) => self.refusal_frame(refusal, &request_id),
                }
            }
        };
        self.send(told).await
    }

    /// A token that is valid no more ends the session with the next message.
    async fn follow_policy(&mut self) -> Result<(), End> {
        let policy = self.conn.app.policy.current();
        if !Arc::ptr_eq(&policy, &self.policy) {
            self.policy = policy;
            let token = self.token.clone();
            self.check_token(&token).await?;
        }
        Ok(())
    }

    async fn check_token(&mut self, token: &Secret) -> Result<(), End> {
        let (peer, failures) = (self.conn.peer, &self.conn.app.failures);
        match auth::check_token(Some(token.expose().as_bytes()), &self.policy, peer, failures) {
            Ok(caller) => {
                self.caller = caller;
                Ok(())
            }
            Err(refusal) => {
                let frame = self.refusal_frame(refusal, &None);
                self.send(frame).await?;
                Err(Some((UNAUTHORIZED, "unauthorized")))
            }
        }
    }

    fn check_message(&self, frame: ClientFrame) -> Result<Ask, Failure> {
        if let Some(failure) = self.over_the_limit() {
            return Err(failure);
        }
        if self.draining {
            let message = "The gateway is shutting down; send the message again after its next start";
            return Err(Failure::new(ErrorCode::ServiceUnavailable, message));
        }
        if self.in_flight.is_full() {
            let most = Limits::SOCKET_MESSAGES;
            let message = format!("{most} messages of this socket are being answered; wait for one of them");
            return Err(Failure::new(ErrorCode::ServiceUnavailable, message)
                .with("reason", "too_many_in_flight")
                .with("limit", most));
        }
        let patience = submit::timeout(frame.timeout_ms)?;
        let idempotency_key = match &frame.idempotency_key {
            Some(key) => Some(submit::idempotency_key("idempotency_key", key)?),
            None => None,
        };
        let submission = submit::Incoming {
            channel: frame.channel,
            text_field: "content",
            text: frame.content,
            conversation_id: frame.conversation_id,
            metadata: frame.metadata,
            idempotency_key,
        }
        .check()?;
        let streams = frame.stream.unwrap_or(false);
        Ok(Ask { submission, streams, patience, request_id: frame.request_id })
    }
}
