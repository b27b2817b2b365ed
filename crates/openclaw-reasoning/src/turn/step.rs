//! The tool calls of one step: which are made, which a person is asked about, and what is written down when.

use futures_util::{
    StreamExt as _,
    stream::{self, FuturesUnordered},
};
use openclaw_core::{
    CallStage, ContentBlock, RunEventKind, SKILL_READ, ToolCall, ToolDefinition, ToolResult,
    limits::APPROVAL_TIME, skill_of,
};
use tracing::info;

use super::{
    Stop, Task, Turn, failure,
    tools::{self, Due, Order},
};
use crate::runs::{Word, limits::SAME_CALLS};

/// What is to become of a call.
enum Plan {
    /// That much is clear.
    Settled(Order),
    /// A person decides, for this reason, about what has this stamp.
    Ask(String, Option<u64>),
}

impl Turn<'_> {
    /// Makes the calls durable, then makes them, then makes the results durable.
    ///
    /// While every call waits for a person's word nothing is written down: nothing has been done, and a process that stops then
    /// may carry the run out anew.
    pub(super) async fn call_all(
        &mut self,
        task: &Task,
        calls: &[ToolCall],
        offered: &[ToolDefinition],
    ) -> Result<Vec<ToolResult>, Stop> {
        let plans = self.plan(calls, offered).await?;
        let live = self.live;
        let (mut due, mut questions) = (Vec::with_capacity(calls.len()), FuturesUnordered::new());
        for (index, (call, plan)) in calls.iter().zip(&plans).enumerate() {
            match plan {
                Plan::Settled(order) => due.push(Due { index, call, order: order.clone() }),
                Plan::Ask(reason, judged) => {
                    info!(run = %task.run, tool = %call.name, "a call waits until a person allows it");
                    let question = live.approvals.ask(call, reason);
                    questions.push(async move {
                        Due { index, call, order: order(question.answered().await, *judged) }
                    });
                }
            }
        }
        let mut steps = Vec::with_capacity(calls.len() + 1);
        if !self.text.is_empty() {
            steps.push(ContentBlock::Text(self.text.clone()));
        }
        steps.extend(calls.iter().cloned().map(ContentBlock::ToolCall));
        // Never dropped half-way: a record is written whole or not at all, but only its answer tells which.
        if due.is_empty() {
            self.announce(calls, &plans);
            due.extend(self.unless_stopped(questions.next()).await?);
            self.append(task.run, steps).await?;
        } else {
            self.append(task.run, steps).await?;
            self.announce(calls, &plans);
        }
        self.text.clear();

        let mut told = Vec::with_capacity(calls.len());
        let caller = tools::Caller { run: task.run, conversation: &task.conversation, live };
        let due = stream::select(stream::iter(due), questions);
        let made = self.unless_stopped(tools::call_all(self.with.tools, caller, due, &mut told));
        let stopped = made.await.err();
        // In the order in which they were told, also those that were there when the run was stopped.
        let steps = told.iter().map(|told| ContentBlock::ToolResult(told.result.clone())).collect::<Vec<_>>();
        if !steps.is_empty() {
            self.append(task.run, steps).await?;
        }
        if let Some(stop) = stopped {
            return Err(stop);
        }
        openclaw_core::sort_by_key(&mut told, |told| told.index);
        for told in told.iter().filter(|told| told.is_made) {
            if let Some(call) = calls.get(told.index) {
                self.used(call, told.result.is_error);
            }
        }
        Ok(told.into_iter().map(|told| told.result).collect())
    }

    /// What is to become of each call.
    async fn plan(&mut self, calls: &[ToolCall], offered: &[ToolDefinition]) -> Result<Vec<Plan>, Stop> {
        let in_a_row = self.streaks.count(calls);
        let is_stuck = |steps: &usize| *steps >= SAME_CALLS;
        if let Some(call) = calls.first()
            && in_a_row.iter().all(is_stuck)
        {
            return Err(Stop::Failed(failure::repeated(&call.name, SAME_CALLS)));
        }
        let mut plans = Vec::with_capacity(calls.len());
        for (call, steps) in calls.iter().zip(&in_a_row) {
            let refused = |why| Plan::Settled(Order::Refuse(why));
            plans.push(if !offered.iter().any(|tool| tool.name == call.name) {
                refused(unknown(&call.name, offered))
            } else if is_stuck(steps) {
                refused(format!(
                    "Not called: you have made this very call {} times in a row. Use the result you have, or call it with other \
                     arguments.",
                    steps - 1
                ))
            } else {
                let judgement = self.unless_stopped(self.with.tools.judge(call)).await?;
                match (judgement.reason, judgement.stamp) {
                    (Some(reason), judged) => Plan::Ask(reason, judged),
                    (None, judged) => Plan::Settled(Order::Make { was_asked: false, judged }),
                }
            });
        }
        Ok(plans)
    }

    /// Tells of the calls, in their order, which is also the record's.
    fn announce(&self, calls: &[ToolCall], plans: &[Plan]) {
        for (call, plan) in calls.iter().zip(plans) {
            self.live.log.push(RunEventKind::SkillCall {
                call_id: call.id.clone(),
                tool: call.name.clone(),
                arguments: call.arguments.clone(),
                stage: match plan {
                    Plan::Settled(_) => CallStage::Invoking,
                    Plan::Ask(reason, _) => CallStage::Awaiting(reason.clone()),
                },
            });
        }
    }

    /// Notes which skill was used. The memory's tools are no skill's.
    fn used(&mut self, call: &ToolCall, has_failed: bool) {
        if self.with.memory_tools.has(&call.name) {
            return;
        }
        let skill = match call.name.as_str() {
            // A model may ask for instructions that nobody has.
            SKILL_READ if has_failed => return,
            SKILL_READ => call.arguments["skill"].as_str().unwrap_or(SKILL_READ),
            tool => skill_of(tool),
        };
        if !self.skills_used.iter().any(|known| known == skill) {
            self.skills_used.push(skill.to_owned());
        }
    }
}

/// Models make up tools; a tool that was not offered may also be one that was held back.
fn unknown(tool: &str, offered: &[ToolDefinition]) -> String {
    let known: Vec<&str> = offered.iter().map(|tool| tool.name.as_str()).collect();
    let known = match known.as_slice() {
        [] => "No tools are available.".to_owned(),
        known => format!("Known: {}.", known.join(", ")),
    };
    format!("There is no tool `{tool}`. {known}")
}

/// What a person's word means for the call.
fn order(word: Word, judged: Option<u64>) -> Order {
    match word {
        Word::Allowed => Order::Make { was_asked: true, judged },
        Word::Denied(said) => {
            let said = said.map(|said| format!(", saying: {said}")).unwrap_or_default();
            Order::Refuse(format!(
                "Not called: the user was asked and denied this call{said}. Go on without it."
            ))
        }
        Word::Silence => Order::Refuse(format!(
            "Not called: it needs the user's approval, and nobody gave it within {} minutes. Go on without it.",
            APPROVAL_TIME.as_secs() / 60
        )),
    }
}
