//! What the fake memory holds: the log's projections in their plainest form.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use openclaw_core::{
    ContentBlock, ConversationId, ConversationSummary, ForeignMessage, Message, MessageId, Metadata, NewRun,
    Role, RunId, RunOutcome, RunRecord, RunState, Timestamp,
    port::{Accepted, ContextNote, MemoryError},
};

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) runs: BTreeMap<RunId, Run>,
    pub(super) conversations: HashMap<ConversationId, Conversation>,
    /// Every message in the order it was written, erased ones included.
    log: Vec<(ConversationId, MessageId)>,
    pub(super) notes: HashMap<RunId, ContextNote>,
    keys: HashMap<String, RunId>,
    pub(super) completed: u64,
    pub(super) latency_ms: u64,
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) new: NewRun,
    pub(super) record: RunRecord,
    /// Intermediate messages so far.
    step_messages: usize,
    /// Place in the order of acceptance.
    pub(super) order: usize,
}

#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) channel: String,
    pub(super) created_at: Timestamp,
    pub(super) messages: Vec<Arc<Message>>,
}

/// The conversation a client named; a generated one is a view of the run's id.
fn named(run: &NewRun) -> Option<&ConversationId> {
    (run.conversation != run.id.new_conversation_id()).then_some(&run.conversation)
}

impl Model {
    pub(super) fn find_key(&self, new: &NewRun) -> Option<Accepted> {
        let earlier = self.keys.get(new.idempotency_key.as_ref()?).and_then(|id| self.runs.get(id))?;
        let before = &earlier.new;
        let same = before.channel == new.channel
            && before.text == new.text
            && before.metadata == new.metadata
            && named(before) == named(new);
        Some(if same { Accepted::Duplicate(before.id) } else { Accepted::Conflict(before.id) })
    }

    pub(super) fn accept(&mut self, new: NewRun) -> Accepted {
        if let Some(earlier) = self.find_key(&new) {
            return earlier;
        }
        if let Some(key) = &new.idempotency_key {
            self.keys.insert(key.clone(), new.id);
        }
        let message = Message {
            id: new.id.user_message_id(),
            role: Role::User,
            content: vec![ContentBlock::Text(new.text.clone())],
            timestamp: new.id.accepted_at(),
            metadata: new.metadata.clone(),
        };
        self.open(&new.conversation, &new.channel, message.timestamp);
        self.push(&new.conversation, message);
        let record = RunRecord {
            id: new.id,
            conversation: new.conversation.clone(),
            state: RunState::Pending { called_tools: false },
            steps: Vec::new(),
        };
        let order = self.runs.len();
        self.runs.insert(new.id, Run { new, record, step_messages: 0, order });
        Accepted::New
    }

    pub(super) fn append(&mut self, id: RunId, steps: &[ContentBlock]) -> Result<(), MemoryError> {
        let run = self.runs.get_mut(&id).ok_or(MemoryError::UnknownRun(id))?;
        let RunState::Pending { called_tools } = &mut run.record.state else { return Ok(()) };
        *called_tools |= steps.iter().any(|step| matches!(step, ContentBlock::ToolCall(_)));
        run.record.steps.extend(steps.iter().cloned());
        let role_of = |step: &ContentBlock| match step {
            ContentBlock::ToolResult(_) => Role::Tool,
            ContentBlock::Text(_) | ContentBlock::ToolCall(_) => Role::Assistant,
        };
        let mut messages = Vec::new();
        for group in steps.chunk_by(|a, b| role_of(a) == role_of(b)) {
            let Some(first) = group.first() else { continue };
            let message = Message {
                id: id.step_message_id(run.step_messages),
                role: role_of(first),
                content: group.to_vec(),
                timestamp: Timestamp::now(),
                metadata: Metadata::default(),
            };
            run.step_messages += 1;
            messages.push(message);
        }
        let conversation = run.record.conversation.clone();
        for message in messages {
            self.push(&conversation, message);
        }
        Ok(())
    }

    pub(super) fn end(&mut self, id: RunId, outcome: RunOutcome) -> Result<(), MemoryError> {
        let run = self.runs.get_mut(&id).ok_or(MemoryError::UnknownRun(id))?;
        if matches!(run.record.state, RunState::Ended { .. }) {
            return Ok(());
        }
        let at = Timestamp::now();
        if let RunOutcome::Completed(reply) = &outcome {
            self.completed += 1;
            self.latency_ms += reply.latency_ms;
            let message = Message {
                id: id.reply_id(),
                role: Role::Assistant,
                content: vec![ContentBlock::Text(reply.content.clone())],
                timestamp: at,
                metadata: Metadata::default(),
            };
            let conversation = run.record.conversation.clone();
            run.record.state = RunState::Ended { outcome, at };
            self.push(&conversation, message);
        } else {
            run.record.state = RunState::Ended { outcome, at };
        }
        Ok(())
    }

    pub(super) fn erase(&mut self, id: &ConversationId) -> Option<u64> {
        let gone = self.conversations.remove(id)?;
        self.runs.retain(|_, run| run.record.conversation != *id);
        let runs = &self.runs;
        self.notes.retain(|run, _| runs.contains_key(run));
        self.keys.retain(|_, run| runs.contains_key(run));
        Some(gone.messages.len() as u64)
    }

    fn open(&mut self, id: &ConversationId, channel: &str, created_at: Timestamp) {
        self.conversations.entry(id.clone()).or_insert_with(|| Conversation {
            channel: channel.to_owned(),
            created_at,
            messages: Vec::new(),
        });
    }

    fn push(&mut self, id: &ConversationId, message: Message) {
        if let Some(conversation) = self.conversations.get_mut(id) {
            self.log.push((id.clone(), message.id.clone()));
            conversation.messages.push(Arc::new(message));
        }
    }

    fn find(&self, conversation: &ConversationId, id: &MessageId) -> Option<(&Conversation, &Message)> {
        let conversation = self.conversations.get(conversation)?;
        let message = conversation.messages.iter().find(|message| message.id == *id)?;
        Some((conversation, message))
    }

    /// Takes a message in; false when its id is there already.
    pub(super) fn import(&mut self, foreign: ForeignMessage) -> bool {
        let id = foreign.id.clone().unwrap_or_else(|| made_id(&foreign));
        if self.conversations.values().any(|held| held.messages.iter().any(|message| message.id == id)) {
            return false;
        }
        self.open(&foreign.conversation, &foreign.channel, foreign.timestamp);
        let message = Message {
            id,
            role: foreign.role,
            content: vec![ContentBlock::Text(foreign.content)],
            timestamp: foreign.timestamp,
            metadata: Metadata::default(),
        };
        self.push(&foreign.conversation, message);
        true
    }

    /// The messages that were written after the first `skip`, each with the place to go on from.
    pub(super) fn exported(&self, skip: usize) -> impl Iterator<Item = (usize, ForeignMessage)> {
        let live = self.log.iter().enumerate().skip(skip);
        live.filter_map(|(place, (conversation, id))| {
            let (held, message) = self.find(conversation, id)?;
            let foreign = ForeignMessage {
                conversation: conversation.clone(),
                channel: held.channel.clone(),
                role: message.role,
                content: message.text(),
                timestamp: message.timestamp,
                id: Some(id.clone()),
            };
            Some((place + 1, foreign))
        })
    }
}

/// An id that says no more than the message: the same message has the same.
fn made_id(message: &ForeignMessage) -> MessageId {
    let mut hasher = DefaultHasher::new();
    (&message.conversation, message.role, message.timestamp, &message.content).hash(&mut hasher);
    let text = format!("imported_{:016x}", hasher.finish());
    text.parse().unwrap_or_else(|_| unreachable!("{text} is an id"))
}

impl Conversation {
    pub(super) fn summary(&self, id: &ConversationId) -> ConversationSummary {
        let first = self.messages.first().map(|message| message.text()).unwrap_or_default();
        ConversationSummary {
            id: id.clone(),
            channel: self.channel.clone(),
            created_at: self.created_at,
            last_message_at: self.messages.last().map_or(self.created_at, |message| message.timestamp),
            message_count: self.messages.len() as u64,
            summary: first.chars().take(80).collect(),
        }
    }
}
