//! The lines of an MCP server, within a budget: what a client that calls tools has a use for, as messages of the official client.
//!
//! That client's own reading knows every message of the protocol, and tries each in turn: half a megabyte of a program for what is answered
//! with an error, or ignored.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use rmcp::{
    RoleClient,
    model::{
        CallToolResult, CustomRequest, CustomResult, ErrorCode, ErrorData, InitializeResult, JsonRpcMessage,
        ListToolsResult, RequestId, ServerRequest, ServerResult,
    },
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, ReadBuf},
    process::{ChildStdin, ChildStdout},
    sync::Mutex,
};

/// Standard input and output of a server.
pub(super) struct Lines {
    output: BufReader<Metered<ChildStdout>>,
    /// What has been read of a line: reading is given up whenever something is to be sent.
    line: Vec<u8>,
    input: Arc<Mutex<Option<ChildStdin>>>,
}

impl Lines {
    pub(super) fn new(output: ChildStdout, input: ChildStdin, budget: Arc<Budget>) -> Self {
        Self {
            output: BufReader::new(Metered::new(output, budget)),
            line: Vec::new(),
            input: Arc::new(Mutex::new(Some(input))),
        }
    }
}

impl Transport<RoleClient> for Lines {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let input = Arc::clone(&self.input);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut input = input.lock().await;
            input.as_mut().ok_or(io::ErrorKind::NotConnected)?.write_all(&line).await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        while let Ok(1..) = self.output.read_until(b'\n', &mut self.line).await {
            // What is no JSON is no message either: there is nobody to tell.
            let message = serde_json::from_slice::<Frame>(&self.line).ok().and_then(Frame::message);
            self.line.clear();
            if message.is_some() {
                return message;
            }
        }
        None
    }

    async fn close(&mut self) -> io::Result<()> {
        *self.input.lock().await = None;
        Ok(())
    }
}

/// A message of JSON-RPC.
#[derive(Deserialize)]
struct Frame {
    id: Option<RequestId>,
    method: Option<String>,
    result: Option<Value>,
    error: Option<ErrorData>,
}

impl Frame {
    /// `None`: a notification, which nothing here waits for.
    fn message(self) -> Option<RxJsonRpcMessage<RoleClient>> {
        match self {
            Self { id, error: Some(error), .. } => Some(JsonRpcMessage::error(error, id)),
            Self { id: Some(id), result: Some(result), .. } => Some(match answer(result) {
                Ok(result) => JsonRpcMessage::response(result, id),
                Err(error) => {
                    let why = format!("the server's answer is none of MCP: {error}");
                    JsonRpcMessage::error(ErrorData::new(ErrorCode::PARSE_ERROR, why, None), Some(id))
                }
            }),
            Self { id: Some(id), method: Some(method), .. } => {
                let request = match method.as_str() {
                    "ping" => ServerRequest::PingRequest(Default::default()),
                    _ => ServerRequest::CustomRequest(CustomRequest::new(method, None)),
                };
                Some(JsonRpcMessage::request(request, id))
            }
            _ => None,
        }
    }
}

/// A result as what it is: what a client that calls tools asks for differs in its fields.
fn answer(result: Value) -> serde_json::Result<ServerResult> {
    fn read<T: DeserializeOwned + Into<ServerResult>>(result: Value) -> serde_json::Result<ServerResult> {
        serde_json::from_value::<T>(result).map(Into::into)
    }
    let has = |field| result.get(field).is_some();
    if has("protocolVersion") {
        read::<InitializeResult>(result)
    } else if has("tools") {
        read::<ListToolsResult>(result)
    } else if has("content") || has("structuredContent") || has("isError") {
        read::<CallToolResult>(result)
    } else {
        Ok(CustomResult::new(result).into())
    }
}

/// What a server may still write. The client keeps something for each message, and a server could send them without end: each call gives it
/// [`BYTES`], [`MESSAGES`] and [`VALUES`] anew.
#[derive(Debug, Default)]
pub(super) struct Budget {
    bytes: AtomicUsize,
    messages: AtomicUsize,
    values: AtomicUsize,
}

/// Bytes between two calls.
const BYTES: usize = 16 * 1024 * 1024;
/// Messages, lines, between two calls.
const MESSAGES: usize = 4096;
/// JSON values between two calls: read, one of a few bytes takes up to a kilobyte.
const VALUES: usize = 64 * 1024;

impl Budget {
    pub(super) fn renew(&self) {
        self.bytes.store(BYTES, Ordering::Relaxed);
        self.messages.store(MESSAGES, Ordering::Relaxed);
        self.values.store(VALUES, Ordering::Relaxed);
    }

    /// Takes from it; whether there was enough.
    fn take(&self, read: &[u8], values: usize) -> bool {
        let lines = read.iter().filter(|byte| **byte == b'\n').count();
        let less = |left: &AtomicUsize, by| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(by)).is_ok()
        };
        less(&self.bytes, read.len()) && less(&self.messages, lines) && less(&self.values, values)
    }
}

/// Standard output of a server, read within its budget.
struct Metered<R> {
    inner: R,
    budget: Arc<Budget>,
    in_string: bool,
    is_escaped: bool,
}

impl<R> Metered<R> {
    fn new(inner: R, budget: Arc<Budget>) -> Self {
        Self { inner, budget, in_string: false, is_escaped: false }
    }

    /// How many values begin in what was read: each but the first of a message stands behind one of these.
    fn values(&mut self, read: &[u8]) -> usize {
        let mut values = 0;
        for byte in read {
            match byte {
                b'\n' => (self.in_string, self.is_escaped) = (false, false),
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                b',' | b'[' | b'{' if !self.in_string => values += 1,
                _ => {}
            }
        }
        values
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let values = self.values(read);
        if self.budget.take(read, values) {
            return Poll::Ready(Ok(()));
        }
        // Who fails has read nothing.
        buffer.set_filled(before);
        Poll::Ready(Err(io::Error::other("the server writes without end")))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn is_read(text: &str) -> bool {
        let budget = Arc::new(Budget::default());
        budget.renew();
        Metered::new(text.as_bytes(), budget).read_to_end(&mut Vec::new()).await.is_ok()
    }

    #[tokio::test]
    async fn values_are_bounded_and_text_is_not() {
        let many = "{},".repeat(VALUES);
        assert!(is_read(&format!("[\"{}\"]\n", many.replace('"', ""))).await);
        assert!(is_read(&format!("[\"\\\"{many}\\\\\"]\n")).await);
        for before in ["", "\"\\\\\",", "\"\n", "\"\\\n"] {
            assert!(!is_read(&format!("{before}[{many}{{}}]\n")).await, "{before}");
        }
    }

    fn message(line: &str) -> Option<RxJsonRpcMessage<RoleClient>> {
        serde_json::from_str::<Frame>(line).unwrap().message()
    }

    #[test]
    fn answers_are_what_was_asked_for() {
        let result = |result: &str| {
            let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{result}}}");
            let (result, id) = message(&line).unwrap().into_result().unwrap();
            assert_eq!(id, Some(RequestId::Number(7)));
            result
        };
        let greeting =
            r#"{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"a","version":"1"}}"#;
        assert!(matches!(result(greeting), Ok(ServerResult::InitializeResult(_))));
        let tools = r#"{"tools":[{"name":"t","inputSchema":{"type":"object"}}]}"#;
        assert!(matches!(result(tools), Ok(ServerResult::ListToolsResult(list)) if list.tools.len() == 1));
        for called in [r#"{"content":[{"type":"text","text":"a"}]}"#, r#"{"structuredContent":1}"#] {
            assert!(matches!(result(called), Ok(ServerResult::CallToolResult(_))), "{called}");
        }
        assert!(matches!(result("{}"), Ok(ServerResult::CustomResult(_))));
        let error = result(r#"{"tools":[{"name":1}]}"#).unwrap_err();
        assert!(error.message.contains("invalid type: integer `1`"), "{}", error.message);
    }

    #[test]
    fn a_server_may_ask_and_is_not_listened_to_otherwise() {
        let asked = |line| message(line).and_then(JsonRpcMessage::into_request);
        let ping = asked(r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#);
        assert!(matches!(ping, Some((ServerRequest::PingRequest(_), RequestId::String(id))) if &*id == "a"));
        let other = asked(r#"{"jsonrpc":"2.0","id":1,"method":"roots/list","params":{}}"#);
        assert!(
            matches!(other, Some((ServerRequest::CustomRequest(request), _)) if request.method == "roots/list")
        );
        assert!(message(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#).is_none());
        let error = message(r#"{"jsonrpc":"2.0","error":{"code":-1,"message":"no"}}"#).unwrap();
        assert!(matches!(error.into_error(), Some((error, None)) if error.message == "no"));
    }
}
