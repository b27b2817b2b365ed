//! The second shape: an MCP server on standard input and output, spoken to by the official client (`rmcp`).

use std::{sync::Arc, time::Duration};

use openclaw_core::{Secret, ToolDefinition};
use rmcp::{
    RoleClient, ServiceError,
    model::{CallToolRequestParams, ContentBlock, ResourceContents},
    service::{ClientInitializeError, RunningService},
};
use serde_json::{Map, Value};
use tokio::{io::AsyncReadExt as _, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::lines::{Budget, Lines};
use crate::{
    limits::{DESCRIPTION_BYTES, OFFER_BYTES, SESSION_START, SESSION_TOOLS, TOOL_NAME_CHARS},
    manifest::schema_of_server,
    sandbox::Sandbox,
};

/// A running MCP server. Dropping it ends the server.
pub(crate) struct Session {
    client: RunningService<RoleClient, ()>,
    /// Ends with the session, whatever the client still does.
    sandbox: Sandbox,
    listening: CancellationToken,
    budget: Arc<Budget>,
}

/// A tool of a server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServerTool {
    /// As the server names it.
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) parameters: Value,
}

/// What a tool of a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAnswer {
    pub(crate) text: String,
    pub(crate) is_error: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("sandbox", &self.sandbox).finish_non_exhaustive()
    }
}

impl Session {
    /// Greets a server that has just been started. `tasks` owns what listens to its standard error.
    pub(crate) async fn begin(
        mut sandbox: Sandbox,
        skill: &str,
        tasks: &tokio_util::task::TaskTracker,
    ) -> Result<Self, McpError> {
        let (Some(stdin), Some(stdout)) = (sandbox.stdin.take(), sandbox.stdout.take()) else {
            return Err(McpError::NoPipe);
        };
        let listening = CancellationToken::new();
        if let Some(stderr) = sandbox.stderr.take() {
            let skill = skill.to_owned();
            tasks.spawn(listening.clone().run_until_cancelled_owned(listen(stderr, skill)));
        }
        let guard = listening.clone().drop_guard();
        let budget = Arc::new(Budget::default());
        budget.renew();
        let lines = Lines::new(skill, stdout, stdin, Arc::clone(&budget));
        let greeting = timeout(SESSION_START, rmcp::serve_client((), lines));
        let client = match greeting.await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(McpError::Greeting(Box::new(error))),
            Err(_) => return Err(McpError::Slow { seconds: SESSION_START.as_secs() }),
        };
        let listening = guard.disarm();
        Ok(Self { client, sandbox, listening, budget })
    }

    /// What the server offers, at most [`SESSION_TOOLS`], and of those what has room in [`OFFER_BYTES`]; what can't be offered to a model is left out.
    pub(crate) async fn tools(&self, skill: &str) -> Result<Vec<ServerTool>, McpError> {
        let listed = timeout(SESSION_START, self.client.list_all_tools());
        let tools = match listed.await {
            Ok(tools) => tools.map_err(|error| McpError::call(&error))?,
            Err(_) => return Err(McpError::Slow { seconds: SESSION_START.as_secs() }),
        };
        let mut offered: Vec<ServerTool> = Vec::new();
        let (mut refused, mut why) = (0, String::new());
        let mut room = OFFER_BYTES;
        for tool in tools {
            let (name, schema) = (tool.name.into_owned(), tool.input_schema.as_ref().clone());
            let description = cut(tool.description.as_deref().unwrap_or_default());
            let known = |other: &ServerTool| other.name == name;
            match check(&name).and_then(|()| schema_of_server(schema)) {
                Ok(_) if offered.len() == SESSION_TOOLS || offered.iter().any(known) => {}
                Ok(parameters) => {
                    if let Some(left) = room.checked_sub(name.len() + parameters.to_string().len()) {
                        room = left;
                        offered.push(ServerTool { name, description, parameters });
                    }
                }
                Err(reason) => {
                    refused += 1;
                    why = format!("{:?} {reason}", cut(&name));
                }
            }
        }
        if refused > 0 {
            warn!(skill, refused, why, "an MCP server offers tools that are none; they are left out");
        }
        Ok(offered)
    }

    /// Calls a tool; `None`: it did not answer within `time`.
    pub(crate) async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        time: Duration,
    ) -> Option<Result<ServerAnswer, McpError>> {
        self.budget.renew();
        let parameters = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let answer = timeout(time, self.client.call_tool(parameters)).await.ok()?;
        Some(answer.map_err(|error| McpError::call(&error)).map(|answer| {
            let mut text: Vec<String> = answer.content.iter().map(shown).collect();
            if text.is_empty()
                && let Some(value) = &answer.structured_content
            {
                text.push(value.to_string());
            }
            ServerAnswer { text: text.join("\n"), is_error: answer.is_error.unwrap_or(false) }
        }))
    }

    /// Whether the server is still there: the client counts as open until somebody closes it, whatever became of the server.
    pub(crate) fn is_open(&self) -> bool {
        !self.client.is_closed() && !self.client.is_transport_closed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.listening.cancel();
        self.sandbox.kill();
    }
}

impl ServerTool {
    /// As it is offered to a model.
    pub(crate) fn definition(&self, skill: &str) -> ToolDefinition {
        ToolDefinition {
            name: format!("{skill}.{}", self.name),
            description: self.description.clone(),
            parameters: self.parameters.clone(),
        }
    }
}

/// Whether a person and a model can call a tool by this name.
fn check(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:".contains(c);
    if (1..=TOOL_NAME_CHARS).contains(&name.chars().count()) && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(format!("must be called by 1 to {TOOL_NAME_CHARS} letters, digits, `-`, `_`, `.`, `/` or `:`"))
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(DESCRIPTION_BYTES)).unwrap_or_default().trim().to_owned()
}

/// A part of an answer as text: models read nothing else here.
fn shown(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => {
            format!("[image, {}, {} bytes in base64]", image.mime_type, image.data.len())
        }
        ContentBlock::Audio(audio) => {
            format!("[audio, {}, {} bytes in base64]", audio.mime_type, audio.data.len())
        }
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => format!("{uri}:\n{text}"),
            ResourceContents::BlobResourceContents { uri, .. } => format!("[binary resource {uri}]"),
            _ => "[resource]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[resource {}]", link.uri),
        _ => "[content of a kind this version does not know]".to_owned(),
    }
}

/// Servers write their log to standard error; it must be read, or they block.
async fn listen(mut stderr: tokio::process::ChildStderr, skill: String) {
    let mut buffer = [0; 2048];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let said = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default());
        debug!(skill, said = said.trim(), "an MCP server writes");
    }
}

/// Why a server can't be talked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum McpError {
    #[error("a pipe to the server is missing")]
    NoPipe,
    /// What it said instead is not repeated: it may hold what the skill was told in confidence.
    #[error("the server ended, or does not speak MCP; its standard output must hold nothing else")]
    Greeting(#[source] Box<ClientInitializeError>),
    #[error("the server did not answer within {seconds} s")]
    Slow { seconds: u64 },
    /// In the server's own words, the beginning of them.
    #[error("{0}")]
    Call(String),
}

impl McpError {
    fn call(error: &ServiceError) -> Self {
        Self::Call(cut(&error.to_string()))
    }

    /// The same without the values of secrets, which a server may have repeated.
    pub(crate) fn scrubbed(self, secrets: &[Secret]) -> Self {
        match self {
            Self::Call(said) => Self::Call(secrets.iter().fold(said, |said, secret| secret.scrub(&said))),
            other => other,
        }
    }
}
