//! What each operation takes and gives.

use openclaw_core::limits;
use serde_json::{Value, json};

use super::{Generators, schema, schemas::SKILL_NAME};
use crate::{
    router::Operation,
    routes::logs::COMPONENTS,
    wire::{admin, channels, conversation, event, message, skills, status},
};

pub(super) struct Described {
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) secured: bool,
    pub(super) parameters: Vec<Parameter>,
    /// Schema, and whether the body must be there.
    pub(super) body: Option<(Value, bool)>,
    /// Status, description, content.
    pub(super) responses: Vec<(u16, &'static str, Option<Value>)>,
    /// Errors beyond those that any request can meet.
    pub(super) errors: &'static [u16],
}

pub(super) struct Parameter {
    place: &'static str,
    name: &'static str,
    description: &'static str,
    schema: Value,
    required: bool,
}

impl Parameter {
    fn new(place: &'static str, name: &'static str, description: &'static str, schema: Value) -> Self {
        Self { place, name, description, schema, required: place == "path" }
    }

    pub(super) fn query(name: &'static str, description: &'static str, schema: Value) -> Self {
        Self::new("query", name, description, schema)
    }

    pub(super) fn path(name: &'static str, description: &'static str) -> Self {
        Self::new("path", name, description, json!({"type": "string", "minLength": 1}))
    }

    pub(super) fn render(self) -> Value {
        let Self { place, name, description, schema, required } = self;
        json!({"in": place, "name": name, "description": description, "required": required, "schema": schema})
    }
}

pub(super) fn json_of(schema: Value) -> Option<Value> {
    let mut content = json!({"application/json": {}});
    content["application/json"]["schema"] = schema;
    Some(content)
}

pub(super) fn count((least, unsaid, most): (usize, usize, usize)) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most, "default": unsaid})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn time_range() -> [Parameter; 2] {
    [
        Parameter::query("since", "Only at or after this time", time()),
        Parameter::query("until", "Only at or before this time", time()),
    ]
}

pub(super) fn plain(id: &'static str, summary: &'static str, answer: Value) -> Described {
    Described {
        id,
        summary,
        secured: true,
        parameters: Vec::new(),
        body: None,
        responses: vec![(200, "Done", json_of(answer))],
        errors: &[],
    }
}

pub(super) fn run(
    id: &'static str,
    summary: &'static str,
    answer: Value,
    errors: &'static [u16],
) -> Described {
    let parameters = vec![Parameter::path("id", "The run's id or its reply's")];
    Described { parameters, errors, ..plain(id, summary, answer) }
}

fn event_stream(generator: &mut Generators) -> Value {
    // As OpenAPI 3.2 describes events: an item is one event with its fields, and `data` is JSON in a text.
    json!({"text/event-stream": {"itemSchema": {
        "type": "object",
        "required": ["id", "data"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]+-[0-9]+$"},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": schema::<event::Event<'_>>(generator),
            },
        },
    }}})
}

fn skill_name() -> Value {
    json!({"type": "string", "pattern": SKILL_NAME})
}

/// A part of the configuration; `null` takes a key out.
fn config_patch() -> Value {
    let section = json!({"type": ["object", "null"]});
    let sections = ["gateway", "providers", "routing", "memory", "skills", "channels"];
    let properties: serde_json::Map<_, _> =
        sections.into_iter().map(|name| (name.to_owned(), section.clone())).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

pub(super) fn describe(operation: Operation, g: &mut Generators) -> Described {
    match operation {
        Operation::Health => {
            let health = schema::<status::Health<'_>>(g);
            Described {
                secured: false,
                responses: vec![
                    (200, "The gateway is there", json_of(health.clone())),
                    (503, "Nothing can be remembered", json_of(health)),
                ],
                ..plain("health", "Is the gateway there?", Value::Null)
            }
        }
        Operation::Status => plain("status", "The gateway as a whole", schema::<status::Status<'_>>(g)),
        Operation::PostMessage => post_message(g),
        Operation::MessageStatus => {
            run("messageStatus", "Where a run stands", schema::<message::MessageStatus<'_>>(g), &[404])
        }
        Operation::MessageStream => {
            let mut described =
                run("messageStream", "A run's events, from the start or after one", Value::Null, &[404]);
            described.parameters.push(Parameter::new(
                "header",
                "Last-Event-ID",
                "Only events after this one",
                json!({"type": "string", "pattern": "^[0-9]{1,9}-[0-9]{1,18}$"}),
            ));
            described.responses = vec![(200, "The events", Some(event_stream(g)))];
            described
        }
        Operation::ApproveMessage => Described {
            body: Some((g.request::<message::ApproveRequest>(), false)),
            ..run(
                "approveMessage",
                "Allow or deny the calls of a run that wait for a person",
                schema::<message::Approved>(g),
                &[404, 409],
            )
        },
        Operation::CancelMessage => run(
            "cancelMessage",
            "Cancel a run that is still processing",
            schema::<message::CancelledMessage>(g),
            &[404, 409],
        ),
        Operation::ListConversations => {
            let mut described = plain(
                "listConversations",
                "List conversations",
                schema::<conversation::ConversationList<'_>>(g),
            );
            described.parameters = vec![
                Parameter::query("limit", "At most so many", count(limits::CONVERSATIONS_PAGE)),
                Parameter::query(
                    "offset",
                    "Skip so many first",
                    json!({"type": "integer", "minimum": 0, "maximum": i64::MAX, "default": 0}),
                ),
                Parameter::query(
                    "channel",
                    "Only those begun on this channel; imported ones may be of channels of any name",
                    json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}),
                ),
            ];
            described.parameters.extend(time_range());
            described
        }
        Operation::GetConversation => {
            let mut described = conversation(
                "getConversation",
                "Read a conversation",
                schema::<conversation::Conversation<'_>>(g),
            );
            described.parameters.extend([
                Parameter::query(
                    "limit",
                    "Only the latest so many messages",
                    json!({"type": "integer", "minimum": 1, "maximum": i64::MAX}),
                ),
                Parameter::query(
                    "before",
                    "Only messages before this one",
                    json!({"type": "string", "pattern": "^[!-~]{1,128}$"}),
                ),
                Parameter::query(
                    "explain",
                    "Tell of each answer what its prompt was made of",
                    json!({"type": "boolean", "default": false}),
                ),
            ]);
            described
        }
        Operation::DeleteConversation => conversation(
            "deleteConversation",
            "Erase a conversation and its memories",
            schema::<conversation::ConversationDeleted<'_>>(g),
        ),
        Operation::MessageContext
        | Operation::MemoryStats
        | Operation::SearchMemory
        | Operation::PruneMemory
        | Operation::ListEntries
        | Operation::Remember
        | Operation::GetEntry
        | Operation::ForgetEntry
        | Operation::CompleteEntry
        | Operation::Compact
        | Operation::CompactionHistory
        | Operation::CollectGarbage
        | Operation::VerifyMemory
        | Operation::ImportMemory
        | Operation::ExportMemory => super::memory::describe(operation, g),
        Operation::ListSkills => {
            plain("listSkills", "List installed skills", schema::<skills::SkillList<'_>>(g))
        }
        Operation::InstallSkill => {
            let item = schema::<skills::SkillItem<'_>>(g);
            Described {
                body: Some((g.request::<skills::InstallRequest>(), true)),
                responses: vec![
                    (200, "This version was installed already", json_of(item.clone())),
                    (201, "Installed", json_of(item)),
                ],
                errors: &[404],
                ..plain("installSkill", "Install a skill", Value::Null)
            }
        }
        Operation::RemoveSkill => Described {
            parameters: vec![Parameter::new("path", "name", "The skill's name", skill_name())],
            errors: &[404],
            ..plain("removeSkill", "Remove a skill", schema::<skills::SkillRemoved<'_>>(g))
        },
        Operation::ListChannels => {
            plain("listChannels", "List configured channels", schema::<channels::ChannelList<'_>>(g))
        }
        Operation::ChannelStatus => Described {
            parameters: vec![Parameter::path("type", "The channel's type")],
            errors: &[404],
            ..plain("channelStatus", "How one channel is", schema::<channels::ChannelDetails<'_>>(g))
        },
        Operation::PairChannel => Described {
            parameters: vec![Parameter::path("type", "The channel's type")],
            responses: vec![(201, "The code", json_of(schema::<channels::Pairing<'_>>(g)))],
            errors: &[404, 409],
            ..plain("pairChannel", "Make a one-time code that lets somebody in", Value::Null)
        },
        Operation::ListPaired => Described {
            parameters: vec![Parameter::path("type", "The channel's type")],
            errors: &[404, 409],
            ..plain("listPaired", "Whom codes let in", schema::<channels::People>(g))
        },
        Operation::UnpairUser => {
            let mut user =
                Parameter::query("user", "The user's id on the platform", json!({"type": "string"}));
            user.required = true;
            Described {
                parameters: vec![Parameter::path("type", "The channel's type"), user],
                errors: &[404, 409],
                ..plain("unpairUser", "Take a pairing back", schema::<channels::Unpaired<'_>>(g))
            }
        }
        Operation::ChannelWebhook => Described {
            secured: false,
            parameters: vec![Parameter::path("type", "The channel's type")],
            body: Some((json!({"type": "object"}), true)),
            errors: &[401, 404, 409],
            ..plain(
                "channelWebhook",
                "What a platform posts, signed as that platform does",
                json!({"type": "object"}),
            )
        },
        Operation::GetConfig => {
            plain("getConfig", "The configuration in force, secrets redacted", json!({"type": "object"}))
        }
        Operation::PutConfig => Described {
            body: Some((config_patch(), true)),
            errors: &[409],
            ..plain("putConfig", "Patch the configuration (RFC 7396)", schema::<admin::ConfigUpdated<'_>>(g))
        },
        Operation::Logs => {
            let mut described = plain("logs", "The gateway's log", schema::<admin::LogList<'_>>(g));
            described.parameters = vec![
                Parameter::query("lines", "At most so many", count(limits::LOG_LINES)),
                Parameter::query(
                    "level",
                    "This level and graver ones",
                    json!({"type": "string", "enum": ["debug", "info", "warn", "error", "trace"], "default": "info"}),
                ),
                Parameter::query("since", "Only at or after this time", time()),
                Parameter::query(
                    "component",
                    "Only of this component",
                    json!({"type": "string", "enum": COMPONENTS}),
                ),
            ];
            described
        }
        Operation::WebSocket => Described {
            secured: false,
            responses: vec![(101, "The connection speaks WebSocket from here on", None)],
            ..plain("webSocket", "The WebSocket, also at /ws; its first frame authenticates", Value::Null)
        },
    }
}

fn conversation(id: &'static str, summary: &'static str, answer: Value) -> Described {
    let parameters = vec![Parameter::path("id", "The conversation's id")];
    Described { parameters, errors: &[404], ..plain(id, summary, answer) }
}

fn post_message(g: &mut Generators) -> Described {
    let mut both = json!({"application/json": {"schema": schema::<message::MessageResponse<'_>>(g)}});
    both["text/event-stream"] = event_stream(g)["text/event-stream"].clone();
    let pending = schema::<message::PendingMessage<'_>>(g);
    Described {
        parameters: vec![Parameter::new(
            "header",
            "Idempotency-Key",
            "The same key within 24 hours returns the first answer",
            json!({"type": "string", "pattern": "^[!-~]{1,255}$"}),
        )],
        body: Some((g.request::<message::MessageRequest>(), true)),
        responses: vec![
            (200, "The answer, or its events when `Accept` names text/event-stream", Some(both)),
            (202, "Accepted (`wait_for_response` is false); `Location` says where to ask", json_of(pending)),
        ],
        // A run that failed is answered with what it failed of, whatever that was.
        errors: &[403, 404, 408, 409, 413],
        ..plain("sendMessage", "Send a message to the agent", Value::Null)
    }
}
