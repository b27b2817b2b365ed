//! One connection to the proxy: `CONNECT`, and plain HTTP with absolute addresses (RFC 9110, 9112).

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use openclaw_core::config::SkillsConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    task::JoinSet,
    time::timeout,
};
use tracing::debug;

use super::{
    CONNECT, IDLE, Job, RESOLVE, Shared, address,
    hello::{self, First},
    tunnel,
};

/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes.
const HEAD_BYTES: usize = 32 * 1024;

type Body = BoxBody<Bytes, hyper::Error>;

/// Why a request does not go out: for the skill's author.
struct Refusal {
    status: StatusCode,
    reason: String,
}

/// Where a request goes.
struct Target {
    host: String,
    port: u16,
}

/// A tunnel that begins when the answer to `CONNECT` is out.
struct Tunnel {
    upgrade: OnUpgrade,
    server: TcpStream,
    port: u16,
}

/// Serves one connection to its end.
pub(super) async fn serve(stream: UnixStream, shared: &Shared, job: &Job) {
    let tunnel: Mutex<Option<Tunnel>> = Mutex::new(None);
    // Connections to servers, which must be driven beside the answers that come over them; they end with this.
    let driving: Arc<Mutex<JoinSet<()>>> = Arc::default();
    let service = service_fn(|request: Request<Incoming>| {
        let (tunnel, driving) = (&tunnel, Arc::clone(&driving));
        async move {
            let answer = if request.method() == Method::CONNECT {
                connect(request, shared, job, tunnel).await
            } else {
                forward(request, shared, job, &driving).await
            };
            Ok::<_, Infallible>(answer.unwrap_or_else(Refusal::into_response))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        debug!(skill = job.skill, %error, "a connection of a skill broke");
    }
    let begun = tunnel.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(Tunnel { upgrade, server, port }) = begun {
        match timeout(HEAD, upgrade).await {
            Ok(Ok(client)) => dig(TokioIo::new(client), server, port, job).await,
            _ => debug!(skill = job.skill, "a tunnel was not taken up"),
        }
    }
}

/// Opens a tunnel to a declared host.
async fn connect(
    request: Request<Incoming>,
    shared: &Shared,
    job: &Job,
    tunnel: &Mutex<Option<Tunnel>>,
) -> Result<Response<Body>, Refusal> {
    let target = Target::of(request.uri(), None)?;
    let server = reach(&target, shared, job).await?;
    let begun = Tunnel { upgrade: hyper::upgrade::on(request), server, port: target.port };
    *tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(begun);
    Ok(Response::new(Empty::new().map_err(|never| match never {}).boxed()))
}

/// Looks who the client asks for inside the tunnel, then carries bytes.
async fn dig(
    mut client: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    mut server: TcpStream,
    port: u16,
    job: &Job,
) {
    let mut first = Vec::new();
    loop {
        match hello::read(&first) {
            First::More => {}
            First::Name(name) if !job.declares(&name, port) => {
                // One address serves many names: without this, a declared one would open the others of the same provider.
                job.tell(&name, port, Some("asked for inside a tunnel to another host"));
                return;
            }
            First::Name(_) | First::Other => break,
        }
        let mut buffer = [0; 4096];
        match timeout(IDLE, client.read(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => first.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            // Protocols in which the server speaks first end here, too: nothing but TLS and HTTP is meant to be spoken.
            _ => break,
        }
    }
    if server.write_all(&first).await.is_err() {
        return;
    }
    let moved = AtomicU64::new(0);
    if let Err(error) = tunnel::carry(client, server, &moved).await {
        debug!(skill = job.skill, %error, "a tunnel broke");
    }
}

/// Sends one request to a declared host, on a connection of its own. Each request of a connection is judged anew.
async fn forward(
    request: Request<Incoming>,
    shared: &Shared,
    job: &Job,
    driving: &Mutex<JoinSet<()>>,
) -> Result<Response<Body>, Refusal> {
    if request.uri().scheme_str() != Some("http") {
        let reason = "this is a proxy: ask it with CONNECT, or with a whole address that begins with http://";
        return Err(Refusal { status: StatusCode::BAD_REQUEST, reason: reason.to_owned() });
    }
    let target = Target::of(request.uri(), Some(80))?;
    let server = reach(&target, shared, job).await?;
    let unreachable = |error: hyper::Error| Refusal {
        status: StatusCode::BAD_GATEWAY,
        reason: format!("{} broke off: {error}", target.host),
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(server)).await.map_err(unreachable)?;
    {
        let mut driving = driving.lock().unwrap_or_else(PoisonError::into_inner);
        while driving.try_join_next().is_some() {}
        driving.spawn(async move {
            // How it ended is told by the answer.
            let _ = connection.await;
        });
    }
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    clean(&mut head.headers);
    // What the address says counts, not what the client says beside it.
    let named =
        if target.port == 80 { target.shown() } else { format!("{}:{}", target.shown(), target.port) };
    if let Ok(host) = HeaderValue::try_from(named) {
        head.headers.insert(header::HOST, host);
    }
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let response = sender.send_request(Request::from_parts(head, body)).await.map_err(unreachable)?;
    let (mut head, body) = response.into_parts();
    clean(&mut head.headers);
    Ok(Response::from_parts(head, body.boxed()))
}

/// Removes what is between two hops only (RFC 9110, 7.6.1), and what is between a client and its proxy.
fn clean(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let fixed = [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    for name in named.iter().chain(&fixed) {
        headers.remove(name);
    }
}

impl Target {
    fn of(uri: &Uri, default_port: Option<u16>) -> Result<Self, Refusal> {
        let bad = |reason: &str| Refusal { status: StatusCode::BAD_REQUEST, reason: reason.to_owned() };
        let authority = uri.authority().ok_or_else(|| bad("the request names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("an address with a user or a password is not taken"));
        }
        let port = match authority.port_u16().or(default_port) {
            Some(port) if port > 0 => port,
            _ => return Err(bad("the request names no port")),
        };
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if host.is_empty() {
            return Err(bad("the request names no host"));
        }
        Ok(Self { host, port })
    }

    /// As it stands in an address.
    fn shown(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl Job {
    fn declares(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host, port))
    }
}

/// Connects to a target if the job may: the name is declared, and it leads to the public internet or to what the user listed.
async fn reach(target: &Target, shared: &Shared, job: &Job) -> Result<TcpStream, Refusal> {
    let Target { host, port } = target;
    let refuse = |status, reason: String| {
        job.tell(host, *port, Some(&reason));
        Refusal { status, reason: format!("{host}:{port}: {reason}") }
    };
    if !job.declares(host, *port) {
        let declared: Vec<String> = job.hosts.iter().map(|host| format!("network:{host}")).collect();
        let reason =
            format!("it is not among the hosts that `{}` declares ({})", job.skill, declared.join(", "));
        return Err(refuse(StatusCode::FORBIDDEN, reason));
    }
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        // `127.1`, `0x7f000001`, `2130706433`: resolvers take these for addresses; names they are not (WHATWG URL, "ends in a number").
        Err(_) if ends_in_a_number(host) => {
            return Err(refuse(
                StatusCode::FORBIDDEN,
                "this is neither a name nor a plain address".to_owned(),
            ));
        }
        Err(_) => match timeout(RESOLVE, shared.resolver.resolve(host)).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => {
                return Err(refuse(StatusCode::BAD_GATEWAY, format!("the name can't be resolved: {error}")));
            }
            Err(_) => {
                let seconds = RESOLVE.as_secs();
                return Err(refuse(
                    StatusCode::GATEWAY_TIMEOUT,
                    format!("the name was not resolved within {seconds} s"),
                ));
            }
        },
    };
    let config = Arc::clone(&shared.config.borrow());
    let (good, bad): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|ip| address::is_public(*ip) || is_listed(&config, host, *ip, *port));
    if good.is_empty() {
        let reason = match bad.first() {
            Some(address) => format!(
                "it leads to {address}, which is not on the public internet. If that is meant, list `{}:{port}` in \
                 skills.policy.allow_private",
                target.shown()
            ),
            None => "the name has no address".to_owned(),
        };
        return Err(refuse(StatusCode::FORBIDDEN, reason));
    }
    job.tell(host, *port, None);
    let mut last = None;
    // To the very address that was judged: a name that is asked again may answer otherwise.
    for ip in good.into_iter().take(4) {
        match timeout(CONNECT, TcpStream::connect(SocketAddr::new(ip, *port))).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(error.to_string()),
            Err(_) => last = Some(format!("no answer within {} s", CONNECT.as_secs())),
        }
    }
    Err(Refusal {
        status: StatusCode::BAD_GATEWAY,
        reason: format!("{host}:{port} can't be reached: {}", last.unwrap_or_default()),
    })
}

/// Whether the user allows this private address: `skills.policy.allow_private` has the host as it was asked for, or the address.
fn is_listed(config: &SkillsConfig, host: &str, ip: IpAddr, port: u16) -> bool {
    config.policy.allow_private.iter().any(|text| {
        let Some((listed, listed_port)) = text.rsplit_once(':') else { return false };
        let listed = listed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(listed);
        let is_host = listed.eq_ignore_ascii_case(host);
        let is_address = listed.parse::<IpAddr>().is_ok_and(|listed| listed == ip);
        listed_port.parse() == Ok(port) && (is_host || is_address)
    })
}

fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Refusal {
    fn into_response(self) -> Response<Body> {
        let text = format!("egress: {}\n", self.reason);
        let mut response = Response::new(Full::from(text).map_err(|never| match never {}).boxed());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}
