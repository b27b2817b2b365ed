//! Calls of tools of MCP servers.

use std::{sync::Arc, time::Duration};

use openclaw_core::ConversationId;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::{
    Executor, Outcome, RunError,
    places::Place,
    sessions::{InUse, Key, Server},
    tell, time_of,
    warm::Prepared,
};
use crate::{
    catalog::Skill,
    limits::{CALL_TIME, OUTPUT_BYTES, SESSION_LIFE, WAIT_TIME},
    package::Shape,
    protocol::mcp::{ServerTool, Session},
};

impl Executor {
    /// Calls a tool of a skill that is an MCP server; from when it is asked, it has at most `most` time.
    pub(crate) async fn call_tool(
        self: &Arc<Self>,
        skill: &Arc<Skill>,
        tool: &str,
        arguments: &Value,
        conversation: &ConversationId,
        most: Duration,
    ) -> Outcome {
        let Value::Object(arguments) = arguments else {
            return Outcome::failed("The arguments must be a JSON object.");
        };
        let key = Key {
            skill: skill.name.clone(),
            conversation: (!skill.package.manifest.stateless).then(|| conversation.clone()),
            stamp: skill.stamp,
        };
        tell(skill, Some(tool), self.ask_server(skill, tool, arguments.clone(), key, most)).await
    }

    async fn ask_server(
        &self,
        skill: &Arc<Skill>,
        tool: &str,
        arguments: Map<String, Value>,
        key: Key,
        most: Duration,
    ) -> Result<Outcome, RunError> {
        let time = time_of(skill, &self.config.borrow()).min(most);
        self.engine()?;
        // A call that is dropped half-way ends the server: nobody knows what it is still doing.
        let server = self.server(skill, key).await?;
        let answer = server.session.call(tool, arguments, time).await;
        let outcome = match answer {
            Some(Ok(answer)) => {
                let mut content = answer.text;
                if content.len() > OUTPUT_BYTES {
                    content.truncate(content.floor_char_boundary(OUTPUT_BYTES));
                    content.push_str("\n[cut off]");
                }
                Outcome { content, is_error: answer.is_error }
            }
            Some(Err(error)) => Outcome::failed(format!("`{}` failed: {error}", skill.name)),
            None => {
                warn!(
                    skill = skill.name,
                    tool,
                    why = "its time was over",
                    "a skill was ended by the sandbox"
                );
                let seconds = time.as_secs_f32();
                return Ok(Outcome::failed(format!(
                    "`{}` did not answer within {seconds} s and was ended",
                    skill.name
                )));
            }
        };
        let outcome = outcome.scrubbed(server.secrets.iter());
        if server.session.is_open() {
            server.done();
        } else {
            warn!(skill = skill.name, tool, why = "its server ended", "a skill was ended by the sandbox");
        }
        Ok(outcome)
    }

    /// The server of that key, started if need be.
    async fn server(&self, skill: &Arc<Skill>, key: Key) -> Result<InUse<'_>, RunError> {
        if let Some(server) = self.sessions.get(self, &key) {
            return Ok(server);
        }
        let until = Instant::now() + WAIT_TIME;
        let turn = self.sessions.starting(&key);
        let slow = |_| RunError::Starting { seconds: WAIT_TIME.as_secs() };
        let _mine = timeout_at(until, turn.lock()).await.map_err(slow)?;
        if let Some(server) = self.sessions.get(self, &key) {
            return Ok(server);
        }
        let place = self.place(skill, until.saturating_duration_since(Instant::now())).await?;
        let server = Arc::new(self.start_server(skill, place).await?);
        Ok(self.sessions.keep(self, key, server))
    }

    /// Starts a server for a call, its first.
    async fn start_server(&self, skill: &Arc<Skill>, place: Place) -> Result<Server, RunError> {
        let Shape::Mcp(argv) = &skill.package.shape else {
            return Err(RunError::NoEngine(format!("`{}` is no MCP server", skill.name)));
        };
        let prepared = self.prepare(skill, argv.clone(), SESSION_LIFE, SESSION_LIFE / 4, place).await?;
        let Prepared { sandbox, lease, secrets, place, .. } = prepared;
        // What it needs of the network to start with, it may have.
        if let Some(lease) = &lease {
            lease.activate();
        }
        let session = Session::begin(sandbox, &skill.name, &self.tasks).await;
        let session = session.inspect_err(|_| self.trouble.notify_one())?;
        Ok(Server::new(session, lease, secrets, place))
    }

    /// Starts a server only to ask what it offers. Nobody waits for the answer, so it can wait for its place.
    pub(crate) async fn tools_of(&self, skill: &Arc<Skill>) -> Result<Vec<ServerTool>, RunError> {
        let place = self.place(skill, CALL_TIME).await?;
        let server = self.start_server(skill, place).await?;
        let tools = server.session.tools(&skill.name).await;
        let mut tools = tools.map_err(|error| error.scrubbed(&server.secrets))?;
        for tool in &mut tools {
            for secret in &server.secrets {
                tool.description = secret.scrub(&tool.description);
            }
        }
        Ok(tools)
    }
}
