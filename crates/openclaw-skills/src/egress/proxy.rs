//! One connection of a client: HTTP/1.1, as a proxy speaks it.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use http_body_util::{Either, Full};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;

use super::{
    activity::Activity,
    body::ProxyBody,
    dial,
    lease::Inner,
    period::{Attempt, Period},
    plain,
    refusal::Refusal,
    target::Target,
    tunnel::Tunnel,
};

/// A connection, and what it is allowed.
pub(super) struct Session {
    pub(super) lease: Arc<Inner>,
    pub(super) period: Arc<Period>,
    pub(super) activity: Arc<Activity>,
    /// What a CONNECT has made of this connection; it begins when HTTP on it has ended.
    tunnel: Mutex<Option<Tunnel>>,
}

/// Serves a connection until it ends, or is idle for too long.
pub(super) async fn serve(lease: Arc<Inner>, period: Arc<Period>, stream: UnixStream) {
    let limits = &lease.shared.limits;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).auto_date_header(false);
    // hyper may read a whole buffer more than that, so both bounds are needed.
    http.max_buf_size(limits.head_bytes).max_header_size(limits.head_bytes);
    let activity = Arc::new(Activity::new());
    let session = Arc::new(Session {
        lease: lease.clone(),
        period,
        activity: activity.clone(),
        tunnel: Mutex::new(None),
    });
    let serving = async {
        let service = service_fn(|request| answer(session.clone(), request));
        if let Err(error) = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
            tracing::debug!(skill = &*lease.skill, %error, "egress: a connection broke off");
            // No request, but an attempt: hyper has answered it.
            if error.is_parse() {
                session.period.refuse(None, &Refusal::NotProxied);
            }
        }
        let tunnel = session.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tunnel) = tunnel {
            tunnel.run(&session).await;
        }
    };
    tokio::select! {
        () = activity.stops(limits.idle) => {}
        () = serving => {}
    }
}

async fn answer(
    session: Arc<Session>,
    request: Request<Incoming>,
) -> Result<Response<ProxyBody>, Infallible> {
    session.activity.touch();
    let is_connect = request.method() == Method::CONNECT;
    let target = read_target(&request);
    let result = match &target {
        Ok(target) if is_connect => session.connect(request, target).await,
        Ok(target) => plain::pass(&session, request, target).await,
        Err(refusal) => Err(refusal.clone()),
    };
    Ok(result.unwrap_or_else(|refusal| {
        session.period.refuse(target.as_ref().ok(), &refusal);
        refusal.response(is_connect)
    }))
}

/// What a request is for. Only its first line counts: what `Host` says is replaced.
fn read_target(request: &Request<Incoming>) -> Result<Target, Refusal> {
    let authority = request.uri().authority().ok_or(Refusal::NotProxied)?.as_str();
    let default_port = match request.uri().scheme_str() {
        None if request.method() == Method::CONNECT => None,
        Some(scheme) if request.method() != Method::CONNECT => {
            if scheme != "http" {
                return Err(Refusal::Scheme);
            }
            Some(80)
        }
        _ => return Err(Refusal::NotProxied),
    };
    Target::read(authority, default_port).map_err(Refusal::Unreadable)
}

impl Session {
    /// A connection to `target`, when the skill may have one.
    pub(super) async fn dial(&self, target: &Target) -> Result<(tokio::net::TcpStream, Attempt), Refusal> {
        let shared = &self.lease.shared;
        if self.period.is_spent() {
            return Err(Refusal::Spent { skill: self.lease.skill.to_string(), most: shared.limits.bytes });
        }
        if !self.lease.declares(target) {
            return Err(self.undeclared(target.clone()));
        }
        let stream = dial::dial(shared, &self.lease.skill, target).await?;
        Ok((stream, Attempt::new(target.clone(), self.period.clone(), self.activity.clone())))
    }

    pub(super) fn undeclared(&self, target: Target) -> Refusal {
        let (skill, declared) = (self.lease.skill.to_string(), self.lease.declared());
        Refusal::Undeclared { target, skill, declared }
    }

    async fn connect(
        &self,
        mut request: Request<Incoming>,
        target: &Target,
    ) -> Result<Response<ProxyBody>, Refusal> {
        let (upstream, attempt) = self.dial(target).await?;
        let tunnel = Tunnel::new(hyper::upgrade::on(&mut request), upstream, attempt);
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
        Ok(Response::new(Either::Left(Full::default())))
    }
}
