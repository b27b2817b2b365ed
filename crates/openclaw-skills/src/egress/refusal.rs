//! Why a client got no connection, in words that help the author of a skill.

use http_body_util::{Either, Full};
use hyper::{Response, StatusCode, ext::ReasonPhrase, header};

use super::{body::ProxyBody, target::Target};

/// Bytes of a reason that may stand in the status line, too.
const PHRASE_BYTES: usize = 400;

/// Why a client got no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "this is a proxy: send CONNECT host:port, or a request with the whole address, GET http://host/path"
    )]
    NotProxied,
    #[error("only http:// can be asked for this way; for https:// send CONNECT host:443")]
    Scheme,
    #[error("the host {0}")]
    Unreadable(&'static str),
    #[error("{} is not among the declared hosts of skill {skill} ({declared})", plainly(target))]
    Undeclared { target: Target, skill: String, declared: String },
    #[error(
        "{} is {class}; skill {skill} reaches it when the user lists `{target}` in skills.policy.allow_private",
        plainly(target)
    )]
    Private { target: Target, skill: String, class: &'static str },
    #[error("{} leads to {class}, which skill {skill} can't reach by a name", plainly(target))]
    Special { target: Target, skill: String, class: &'static str },
    #[error("skill {skill} has sent and received the {} MiB that a call may", .most >> 20)]
    Spent { skill: String, most: u64 },
    #[error("{} could not be resolved", target.host)]
    Unresolved { target: Target },
    #[error("could not connect to {target}: {kind}")]
    Unreachable { target: Target, kind: std::io::ErrorKind },
    #[error("{target} took too long to {what}")]
    Slow { target: Target, what: &'static str },
    #[error("the answer of {target} could not be read")]
    Garbled { target: Target },
}

/// `host`, with the port when it's not one of those that go without saying.
fn plainly(target: &Target) -> String {
    match target.port {
        80 | 443 => target.host.to_string(),
        _ => target.to_string(),
    }
}

impl Refusal {
    /// Whether the proxy would not, rather than could not.
    pub(super) fn is_policy(&self) -> bool {
        !matches!(
            self,
            Self::Unresolved { .. } | Self::Unreachable { .. } | Self::Slow { .. } | Self::Garbled { .. }
        )
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotProxied | Self::Scheme | Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::Undeclared { .. } | Self::Private { .. } | Self::Special { .. } | Self::Spent { .. } => {
                StatusCode::FORBIDDEN
            }
            Self::Unresolved { .. } | Self::Unreachable { .. } | Self::Garbled { .. } => {
                StatusCode::BAD_GATEWAY
            }
            Self::Slow { .. } => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The reason stands in the body and in the status line: after CONNECT most clients show nothing but the latter.
    pub(super) fn response(&self, is_connect: bool) -> Response<ProxyBody> {
        let text = format!("egress: {self}");
        let phrase = ReasonPhrase::try_from(text.clone()).ok().filter(|_| text.len() <= PHRASE_BYTES);
        let mut response = Response::new(Either::Left(Full::from(text + "\n")));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
        if is_connect {
            headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        if let Some(phrase) = phrase {
            response.extensions_mut().insert(phrase);
        }
        response
    }
}
