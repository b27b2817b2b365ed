//! Who is asked: the running gateway, or the memory that this command opens itself.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::Method;
use openclaw_core::{ErrorCode, Failure};
use openclaw_http::MemoryApi;
use openclaw_memory::{Memory, OpenError, Parts};
use serde_json::Value;

use crate::{
    cli::Options,
    client::{Client, ClientError},
    config::{Environment, first_start},
    exit::{Exit, Stop},
    home::Home,
    output::{complain, harmless},
    run_file, settings,
    wire::unlock,
};

/// Longest that a rate limit is waited out at a time.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is waited out for one request: somebody else may be quicker each time.
const WAITS: usize = 10;

/// The way to the memory's part of the API.
pub(crate) enum Access {
    /// A gateway runs; it holds the memory.
    Gateway(Client),
    /// None does; the memory is ours until we close it.
    Here { api: MemoryApi, memory: Arc<Memory> },
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Where an export goes on.
    pub(crate) next_cursor: Option<String>,
    /// Places of the log that an export could not read.
    pub(crate) unreadable: u64,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value, Stop> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Stop::new(Exit::Failure, format!("the answer is not JSON: {error}")))
    }
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum AskError {
    /// The API says no.
    Refused(Failure),
    /// Nobody said anything.
    Client(ClientError),
}

impl From<AskError> for Stop {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(failure) => Self::new(Exit::Failure, harmless(&failure.message)),
            AskError::Client(ClientError::NotRunning(address)) => {
                Self::new(Exit::NotRunning, ClientError::NotRunning(address).to_string())
            }
            AskError::Client(error) => Self::new(Exit::Failure, harmless(&error.to_string())),
        }
    }
}

impl Access {
    /// Finds out who holds the memory. When nobody does, it is opened here; one that is not there yet is made only for a
    /// command that `makes` one.
    pub(crate) async fn open(
        options: &Options,
        environment: &Environment,
        makes: bool,
    ) -> Result<Self, Stop> {
        let home = settings::home(options, environment)?;
        let running = run_file::running(&home).filter(|_| options.port.is_none());
        if running.is_some() || options.port.is_some() {
            let loaded = settings::load_existing(&home, options, environment, Exit::NotRunning)?;
            let client = Client::new(running.as_ref(), &loaded.config.gateway);
            match client.health().await {
                // The file of one that was killed, whose process id somebody else has now.
                Err(ClientError::NotRunning(_)) if options.port.is_none() => {}
                Err(error) => return Err(AskError::Client(error).into()),
                Ok(_) => return Ok(Self::Gateway(client)),
            }
        }
        let memory = open_here(&home, options, environment, makes)?;
        let memory = Arc::new(memory);
        let api = MemoryApi::new(Arc::clone(&memory) as _, Arc::clone(&memory) as _);
        Ok(Self::Here { api, memory })
    }

    /// Asks, waiting out the rate limit, and anything else that takes its time.
    pub(crate) async fn ask(
        &self,
        method: &Method,
        target: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Answer, AskError> {
        let mut waits = 0;
        loop {
            let answer = match self {
                Self::Gateway(client) => client.ask(method.clone(), target, kind, body.clone()).await,
                Self::Here { api, .. } => {
                    let answer = api.call(method, target, &body).await.map_err(AskError::Refused)?;
                    let openclaw_http::ApiAnswer { status, next_cursor, unreadable, body } = answer;
                    return Ok(Answer { status, next_cursor, unreadable, body });
                }
            };
            let answer = answer.map_err(|error| match error {
                ClientError::Refused(failure) => AskError::Refused(failure),
                other => AskError::Client(other),
            })?;
            let Err((failure, wait)) = answer else {
                return answer.map_err(|(failure, _)| AskError::Refused(failure));
            };
            let limited = failure.code == ErrorCode::RateLimited && waits < WAITS;
            match wait.filter(|wait| limited && *wait <= PATIENCE) {
                Some(wait) => {
                    waits += 1;
                    complain(&format!(
                        "the gateway's rate limit is reached; going on in {} s",
                        wait.as_secs()
                    ));
                    tokio::time::sleep(wait).await;
                }
                None => return Err(AskError::Refused(failure)),
            }
        }
    }

    /// Asks with a JSON body, or none, and reads JSON.
    pub(crate) async fn json(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, Stop> {
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        self.ask(&method, target, "application/json", body).await?.json()
    }

    /// Lets the memory go.
    pub(crate) async fn close(self) {
        if let Self::Here { api, memory } = self {
            drop(api);
            memory.close().await;
        }
    }
}

/// Whether a gateway seems to run, or is named.
pub(crate) fn gateway_runs(options: &Options, environment: &Environment) -> Result<bool, Stop> {
    let home = settings::home(options, environment)?;
    Ok(options.port.is_some() || run_file::running(&home).is_some())
}

/// Opens the memory for this command alone.
pub(crate) fn open_here(
    home: &Home,
    options: &Options,
    environment: &Environment,
    makes: bool,
) -> Result<Memory, Stop> {
    if makes {
        first_start(home).map_err(|error| Stop::because(Exit::Failure, &error))?;
    } else if !home.memory().is_dir() {
        let what = format!(
            "there is no memory in {} yet; the first start makes it: gateway run",
            home.root().display()
        );
        return Err(Stop::new(Exit::Failure, what));
    }
    let loaded = settings::load_existing(home, options, environment, Exit::Config)?;
    let config = &loaded.config.memory;
    let parts = Parts { unlock: unlock(home, config), ..Parts::default() };
    let (memory, report) =
        Memory::open_with(&home.memory(), config, &parts).map_err(|error| cannot_open(home, &error))?;
    if !report.damaged.is_empty() || report.missing > 0 {
        complain(
            "the log is damaged; what is left of it is there. Where, and what to do: gateway memory verify",
        );
    }
    Ok(memory)
}

/// Why it can't be opened, and what to do.
pub(crate) fn cannot_open(home: &Home, error: &OpenError) -> Stop {
    if matches!(error, OpenError::Locked { .. }) {
        let what = format!(
            "{error}; if it is a gateway that can't be reached, stop it, or take another directory than {} with --home",
            home.root().display()
        );
        return Stop::new(Exit::InUse, what);
    }
    let exit = match error {
        OpenError::Encryption(error) if error.is_mistake() => Exit::Config,
        _ => Exit::Failure,
    };
    Stop::because(exit, error)
}

/// A text as part of a query.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use openclaw_core::config::GatewayConfig;

    use super::*;

    /// A gateway whose rate limit lets the request behind the first `refused` through, and how many it has met.
    fn limited(refused: usize) -> (Access, std::thread::JoinHandle<usize>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let met = std::thread::spawn(move || {
            let over = r#"{"error":"rate_limited","message":"Rate limit exceeded."}"#;
            for met in 1..=WAITS + 1 {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    head.extend(byte);
                }
                let (status, body) = if met > refused {
                    ("200 OK", "{}")
                } else {
                    ("429 Too Many Requests\r\nretry-after: 0", over)
                };
                let length = body.len();
                write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
                if met > refused {
                    return met;
                }
            }
            WAITS + 1
        });
        (Access::Gateway(Client::new(None, &GatewayConfig { port, ..GatewayConfig::default() })), met)
    }

    #[tokio::test]
    async fn a_rate_limit_is_waited_out_but_not_for_ever() {
        let ask = async |access: &Access| access.ask(&Method::GET, "/memory/stats", "", Bytes::new()).await;
        let (access, met) = limited(2);
        assert_eq!(ask(&access).await.unwrap().status, 200);
        assert_eq!(met.join().unwrap(), 3);
        let (access, met) = limited(usize::MAX);
        let error = ask(&access).await.unwrap_err();
        assert!(
            matches!(&error, AskError::Refused(failure) if failure.code == ErrorCode::RateLimited),
            "{error:?}"
        );
        assert_eq!(met.join().unwrap(), WAITS + 1);
    }

    #[test]
    fn whatever_a_text_holds_is_one_value() {
        assert_eq!(escaped("a b&c=對/%"), "a%20b%26c%3D%E5%B0%8D%2F%25");
    }
}
