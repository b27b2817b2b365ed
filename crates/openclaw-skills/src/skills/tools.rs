//! [`ToolPort`]: what models are offered, and their calls.

use std::sync::Arc;

use async_trait::async_trait;
use openclaw_core::{
    Permission, SKILL_READ, Timestamp, ToolCall, ToolDefinition, ToolResult,
    config::ApprovalMode,
    port::{Judgement, ToolContext, ToolPort},
    skill_of,
};
use serde_json::Value;

use super::Skills;
use crate::{
    catalog::Skill,
    executor::Outcome,
    limits::CHOICE_TIME,
    manifest::check_arguments,
    package::{Shape, list_files},
    protocol::mcp::ServerTool,
};

/// Files of a skill that are named to a model with its instructions.
const NAMED_FILES: usize = 100;

/// What a tool's name stands for.
enum Target {
    /// A skill's program.
    Program(Arc<Skill>, Vec<String>),
    /// A tool of a skill's server.
    Server(Arc<Skill>, ServerTool),
    /// Reading instructions.
    Reader,
}

impl Skills {
    fn target(&self, tool: &str) -> Option<Target> {
        if tool == SKILL_READ {
            return Some(Target::Reader);
        }
        let seen = self.inner.seen();
        let (skill, of_server) = match tool.split_once('.') {
            Some((skill, of_server)) => (skill, Some(of_server)),
            None => (tool, None),
        };
        let skill = seen.catalog.ready(skill)?;
        match (&skill.package.shape, of_server) {
            (Shape::Entry(argv), None) => Some(Target::Program(Arc::clone(skill), argv.clone())),
            (Shape::Mcp(_), Some(of_server)) => {
                let (_, tools) = seen.servers.get(&skill.name)?;
                let found = tools.as_ref().ok()?.iter().find(|tool| tool.name == of_server)?;
                Some(Target::Server(Arc::clone(skill), found.clone()))
            }
            _ => None,
        }
    }

    /// Waits until an engine is chosen, if there is anything to run: a message right after the start, and a run that goes on
    /// then, would be answered as if there were no skills.
    async fn chosen(&self) {
        if self.inner.seen().fingerprint.is_none() {
            self.look().await;
        }
        let mut selection = self.inner.selection.subscribe();
        if self.inner.catalog().all_ready().next().is_some() {
            let _ = tokio::time::timeout(CHOICE_TIME, selection.wait_for(Option::is_some)).await;
        }
    }

    async fn carry_out(&self, call: &ToolCall, context: &ToolContext) -> Outcome {
        self.look_at(&call.name).await;
        let Some(target) = self.target(&call.name) else {
            return Outcome::failed(format!("There is no tool `{}`.", call.name));
        };
        let (skill, schema) = match &target {
            Target::Reader => return self.read_instructions(&call.arguments).await,
            Target::Program(skill, _) => (Arc::clone(skill), skill.package.manifest.tool_schema()),
            Target::Server(skill, tool) => (Arc::clone(skill), tool.parameters.clone()),
        };
        if context.judged.is_some_and(|judged| judged != skill.stamp) {
            return Outcome::failed(format!(
                "`{}` was not run: the skill has changed since this call was allowed. Call it again: it is asked about as it is now.",
                skill.name
            ));
        }
        if let Err(wrong) = check_arguments(&schema, &call.arguments) {
            return Outcome::failed(format!("The arguments of `{}` are wrong: {wrong}", call.name));
        }
        if !self.is_intact(&skill).await {
            tracing::warn!(
                skill = skill.name,
                "the files of a skill are not what was installed; it is disabled"
            );
            return Outcome::failed(format!(
                "`{}` was not run: its files are not what was installed. `gateway skill audit` says more.",
                skill.name
            ));
        }
        self.inner.usage.count(&skill.name, Timestamp::now());
        let executor = &self.inner.executor;
        match target {
            Target::Program(skill, argv) => {
                executor.call(&skill, &argv, &call.arguments, context.timeout).await
            }
            Target::Server(skill, tool) => {
                let conversation = &context.conversation;
                executor.call_tool(&skill, &tool.name, &call.arguments, conversation, context.timeout).await
            }
            Target::Reader => Outcome::failed("There is nothing to read."),
        }
    }

    /// Looks again when the skill of a tool is not as it was at the last look.
    async fn look_at(&self, tool: &str) {
        let skill = skill_of(tool).to_owned();
        if !self.blocking(move |inner| Ok(inner.is_as_seen(&skill))).await.unwrap_or(false) {
            self.look().await;
        }
    }

    /// Installed skills are checked before each call; whoever is found changed is listed as such from now on.
    async fn is_intact(&self, skill: &Arc<Skill>) -> bool {
        if skill.is_local {
            return true;
        }
        let skill = Arc::clone(skill);
        let checked = self.blocking(move |inner| {
            let is_intact = inner.is_intact(&skill);
            if !is_intact {
                let _ = inner.refresh_anew();
            }
            Ok(is_intact)
        });
        checked.await.unwrap_or(false)
    }

    /// The second and third step of progressive disclosure: the instructions, and files they refer to.
    async fn read_instructions(&self, arguments: &Value) -> Outcome {
        let name = arguments["skill"].as_str().unwrap_or_default();
        let catalog = self.inner.catalog();
        let found = catalog.ready(name).filter(|skill| skill.package.shape == Shape::Instructions);
        let Some(skill) = found else {
            let all = catalog.all_ready().filter(|skill| skill.package.shape == Shape::Instructions);
            let known: Vec<&str> = all.map(|skill| skill.name.as_str()).collect();
            return Outcome::failed(format!(
                "There are no instructions `{name}`. Known: {}.",
                known.join(", ")
            ));
        };
        if !self.is_intact(skill).await {
            return Outcome::failed(format!("`{name}` was not read: its files are not what was installed."));
        }
        self.inner.usage.count(name, Timestamp::now());
        if let Some(path) = arguments["path"].as_str().filter(|path| !path.trim().is_empty()) {
            return self.inner.executor.read(skill, path.trim_start_matches("./")).await;
        }
        let mut text = skill.package.manifest.body.trim().to_owned();
        let root = skill.package.root.clone();
        let listed =
            self.blocking(move |_| Ok(list_files(&root).unwrap_or_default())).await.unwrap_or_default();
        let others: Vec<String> = listed
            .entries
            .into_iter()
            .map(|file| file.path)
            .filter(|path| !path.eq_ignore_ascii_case("SKILL.md"))
            .take(NAMED_FILES)
            .collect();
        if !others.is_empty() {
            text.push_str(&format!("\n\nFiles that can be read with `path`: {}", others.join(", ")));
        }
        Outcome { content: text, is_error: false }
    }

    /// Why a person should be asked, if the call is risky.
    fn risk(skill: &Skill) -> Option<String> {
        let any = |is: fn(&Permission) -> bool| skill.granted.iter().any(is);
        let list = |is: fn(&Permission) -> bool| {
            let texts = skill.granted.iter().filter(|permission| is(permission)).map(ToString::to_string);
            texts.collect::<Vec<_>>().join(", ")
        };
        if any(|permission| matches!(permission, Permission::Write(_))) {
            let what = list(|permission| matches!(permission, Permission::Write(_)));
            return Some(format!("`{}` can change files of yours ({what})", skill.name));
        }
        let reads = any(|permission| matches!(permission, Permission::Read(_) | Permission::Env(_)));
        if reads && any(|permission| matches!(permission, Permission::Network(_))) {
            let what = list(|permission| !matches!(permission, Permission::Shell));
            return Some(format!("`{}` sees files or secrets and reaches the network ({what})", skill.name));
        }
        None
    }
}

#[async_trait]
impl ToolPort for Skills {
    async fn definitions(&self) -> Vec<ToolDefinition> {
        self.chosen().await;
        let definitions = Arc::clone(&self.inner.seen().definitions);
        definitions.as_ref().clone()
    }

    async fn judge(&self, call: &ToolCall) -> Judgement {
        let mode = self.inner.config.borrow().approval;
        if mode == ApprovalMode::Never {
            return Judgement::default();
        }
        self.look_at(&call.name).await;
        let skill = match self.target(&call.name) {
            Some(Target::Program(skill, _) | Target::Server(skill, _)) => skill,
            // Reading what is installed changes nothing and tells nobody.
            Some(Target::Reader) => return Judgement::default(),
            // It is being looked at anew; by the time of the call it may be there.
            None => return Judgement::unknown(),
        };
        let reason = match mode {
            ApprovalMode::Always => {
                Some(format!("every call of a skill is asked about; this one is of `{}`", skill.name))
            }
            _ => Self::risk(&skill),
        };
        Judgement { reason, stamp: Some(skill.stamp) }
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> ToolResult {
        // Dropping the work ends its sandbox. Its time is bounded within, from when the skill runs.
        let outcome = match context.cancel.run_until_cancelled(self.carry_out(call, context)).await {
            Some(outcome) => outcome,
            None => Outcome::failed(format!("`{}` was cancelled.", call.name)),
        };
        ToolResult {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content: outcome.content,
            is_error: outcome.is_error,
        }
    }
}
