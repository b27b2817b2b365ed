//! The lines of an MCP server, within a budget: what a client that calls tools has a use for, as messages of the official client.
//!
//! That client's own reading knows every message of the protocol, and tries each in turn: half a megabyte of a program for what is answered
//! with an error, or ignored.

use std::{
    fmt::Display,
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
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf},
    sync::Mutex,
};
use tracing::warn;

/// Standard input and output of a server.
pub(super) struct Lines<R, W> {
    skill: String,
    output: BufReader<Metered<R>>,
    /// What has been read of a line: reading is given up whenever something is to be sent.
    line: Vec<u8>,
    input: Arc<Mutex<Option<W>>>,
}

impl<R: AsyncRead + Unpin, W> Lines<R, W> {
    pub(super) fn new(skill: &str, output: R, input: W, budget: Arc<Budget>) -> Self {
        Self {
            skill: skill.to_owned(),
            output: BufReader::new(Metered::new(output, budget)),
            line: Vec::new(),
            input: Arc::new(Mutex::new(Some(input))),
        }
    }
}

impl<R, W> Transport<RoleClient> for Lines<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
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
        loop {
            let read = self.output.read_until(b'\n', &mut self.line).await;
            let read = read.inspect_err(
                |error| warn!(skill = self.skill, %error, "an MCP server's output is read no further"),
            );
            // At the end, nothing more was read of a line whose beginning may be there already.
            let is_end = read.ok()? == 0;
            let message = message(&self.line);
            self.line.clear();
            if message.is_some() || is_end {
                return message;
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        *self.input.lock().await = None;
        Ok(())
    }
}

/// What some programs begin a text with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line as a message of JSON-RPC. `None`: none, such as a line of a log, which there is nobody to tell about; or a notification, which
/// nothing here waits for. Whatever else names a call ends it, with an error where it can't be read.
fn message(line: &[u8]) -> Option<RxJsonRpcMessage<RoleClient>> {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    let mut frame: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let mut take = |field| frame.remove(field).filter(|value| !value.is_null());
    if take("jsonrpc")? != "2.0" {
        return None;
    }
    let id = take("id").and_then(|id| serde_json::from_value::<RequestId>(id).ok());
    if let Some(error) = take("error") {
        return Some(JsonRpcMessage::error(serde_json::from_value(error).unwrap_or_else(unreadable), id));
    }
    let id = id?;
    Some(match (take("result"), take("method")) {
        (Some(result), _) => match answer(result) {
            Ok(result) => JsonRpcMessage::response(result, id),
            Err(error) => JsonRpcMessage::error(unreadable(error), Some(id)),
        },
        (None, Some(Value::String(method))) => {
            let request = match method.as_str() {
                "ping" => ServerRequest::PingRequest(Default::default()),
                _ => ServerRequest::CustomRequest(CustomRequest::new(method, None)),
            };
            JsonRpcMessage::request(request, id)
        }
        _ => JsonRpcMessage::error(unreadable("it has no result"), Some(id)),
    })
}

fn unreadable(why: impl Display) -> ErrorData {
    ErrorData::new(ErrorCode::PARSE_ERROR, format!("the server's answer is none of MCP: {why}"), None)
}

/// A result as what it is: what a client that calls tools asks for differs in its fields.
fn answer(result: Value) -> serde_json::Result<ServerResult> {
    fn read<T: DeserializeOwned + Into<ServerResult>>(result: Value) -> serde_json::Result<ServerResult> {
        serde_json::from_value::<T>(result).map(Into::into)
    }
    let has = |field| result.get(field).is_some();
    if has("content") || has("structuredContent") || has("isError") {
        read::<CallToolResult>(result)
    } else if has("tools") {
        read::<ListToolsResult>(result)
    } else if has("protocolVersion") {
        read::<InitializeResult>(result)
    } else if is_empty(&result) {
        Ok(ServerResult::empty(()))
    } else {
        Ok(CustomResult::new(result).into())
    }
}

/// Whether that says no more than that it is complete: a call that succeeded without a word.
fn is_empty(result: &Value) -> bool {
    result.as_object().is_some_and(|fields| {
        fields.iter().all(|(field, value)| match field.as_str() {
            "resultType" => value == "complete",
            field => field == "_meta",
        })
    })
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
        super::message(line.as_bytes())
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
        for called in [
            r#"{"content":[{"type":"text","text":"a"}]}"#,
            r#"{"structuredContent":1}"#,
            r#"{"isError":true,"tools":[],"protocolVersion":"a tool's own"}"#,
        ] {
            assert!(matches!(result(called), Ok(ServerResult::CallToolResult(_))), "{called}");
        }
        for empty in ["{}", r#"{"resultType":"complete"}"#, r#"{"_meta":{"took":1}}"#] {
            assert!(matches!(result(empty), Ok(ServerResult::EmptyResult(_))), "{empty}");
        }
        for other in [r#"{"resultType":"task"}"#, r#"{"text":"a"}"#, "7"] {
            assert!(matches!(result(other), Ok(ServerResult::CustomResult(_))), "{other}");
        }
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

    #[test]
    fn a_call_that_is_answered_with_nonsense_fails_at_once() {
        for rest in [
            r#""result":null"#,
            r#""error":"no""#,
            r#""error":{"code":"x","message":"no"},"result":{}"#,
            r#""method":5"#,
            r#""answer":{}"#,
        ] {
            let answer = message(&format!("{{\"jsonrpc\":\"2.0\",\"id\":3,{rest}}}")).unwrap();
            let (error, id) = answer.into_error().unwrap();
            assert_eq!((error.code, id), (ErrorCode::PARSE_ERROR, Some(RequestId::Number(3))), "{rest}");
        }
    }

    #[test]
    fn a_line_of_a_log_is_no_message() {
        for line in [
            "",
            "listening",
            "[]",
            r#"{"id":3,"result":{}}"#,
            r#"{"jsonrpc":"1.0","id":3,"error":{"code":1,"message":"no"}}"#,
            r#"{"jsonrpc":2.0,"id":3,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":[3],"result":{}}"#,
        ] {
            assert!(message(line).is_none(), "{line}");
        }
        assert!(message("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}").is_some());
    }

    #[tokio::test]
    async fn lines_are_read_whole_however_they_come() {
        let budget = Arc::new(Budget::default());
        budget.renew();
        let (mut server, output) = tokio::io::duplex(256);
        let mut lines = Lines::new("cut", output, tokio::io::sink(), budget);
        let (begin, end) = (r#"{"jsonrpc":"2.0","id":1,"#, r#""result":{}}"#);
        for newline in ["\n", ""] {
            server.write_all(begin.as_bytes()).await.unwrap();
            // Something is to be sent: the client asks once, and asks again later.
            tokio::select! {
                biased;
                message = lines.receive() => panic!("{message:?}"),
                () = std::future::ready(()) => {}
            }
            assert_eq!(lines.line, begin.as_bytes());
            server.write_all(format!("{end}{newline}").as_bytes()).await.unwrap();
            if newline.is_empty() {
                tokio::select! {
                    biased;
                    message = lines.receive() => panic!("{message:?}"),
                    () = std::future::ready(()) => {}
                }
                server.shutdown().await.unwrap();
            }
            assert!(lines.receive().await.unwrap().into_response().is_some());
        }
        assert!(lines.receive().await.is_none());
    }
}
