//! What the memory's operations take and give.

use openclaw_core::{
    MemoryKind, limits,
    port::{Collected, CompactionReport, Imported},
};
use serde_json::{Value, json};

use super::{
    Generators,
    operations::{Described, Parameter, count, json_of, plain, run},
    schema,
};
use crate::{
    exchange::{EntryOut, MessageOut},
    router::Operation,
    wire::{context, curation, entries, memory},
};

fn entry(id: &'static str, summary: &'static str, answer: Value, errors: &'static [u16]) -> Described {
    let parameters = vec![Parameter::path("id", "The entry's id")];
    Described { parameters, errors, ..plain(id, summary, answer) }
}

/// JSON Lines: a text whose lines are each of this schema.
fn lines(schema: Value) -> Value {
    let mut content = json!({"application/x-ndjson": {}});
    content["application/x-ndjson"]["itemSchema"] = schema;
    content
}

pub(super) fn describe(operation: Operation, g: &mut Generators) -> Described {
    match operation {
        Operation::MessageContext => {
            let answer = schema::<context::MessageContext<'_>>(g);
            let described = run("messageContext", "What a run's prompt was made of", answer, &[404]);
            let parameters = vec![Parameter::path("id", "The run's id, or that of any message of it")];
            Described { parameters, ..described }
        }
        Operation::SearchMemory => Described {
            body: Some((g.request::<memory::SearchRequest>(), true)),
            ..plain("searchMemory", "Search the memory", schema::<memory::SearchResponse<'_>>(g))
        },
        Operation::PruneMemory => Described {
            body: Some((g.request::<memory::PruneBody>(), true)),
            ..plain("pruneMemory", "Remove what lies before a time", schema::<memory::PruneResponse>(g))
        },
        Operation::ListEntries => {
            let answer = schema::<entries::EntryList<'_>>(g);
            Described {
                parameters: entry_filter(),
                ..plain("listMemories", "List what is remembered", answer)
            }
        }
        Operation::Remember => {
            let item = schema::<entries::EntryItem<'_>>(g);
            Described {
                body: Some((g.request::<entries::EntryRequest>(), true)),
                responses: vec![
                    (200, "This was remembered already", json_of(item.clone())),
                    (201, "Remembered; `Location` says where", json_of(item)),
                ],
                ..plain("remember", "Remember something on purpose", Value::Null)
            }
        }
        Operation::GetEntry => {
            entry("getMemory", "Read what is remembered", schema::<entries::EntryItem<'_>>(g), &[404])
        }
        Operation::ForgetEntry => {
            entry("forgetMemory", "Erase what is remembered", schema::<entries::EntryDeleted>(g), &[404])
        }
        Operation::CompleteEntry => {
            let item = schema::<entries::EntryItem<'_>>(g);
            entry("completeMemory", "Mark a task as done", item, &[404, 409])
        }
        Operation::Compact => Described {
            body: Some((g.request::<curation::CompactBody>(), false)),
            responses: vec![
                (200, "Done, or what a dry run would do", json_of(schema::<CompactionReport>(g))),
                (
                    202,
                    "It has begun; `Location` says where to ask",
                    json_of(schema::<curation::CompactionBegun>(g)),
                ),
            ],
            errors: &[409],
            ..plain("compactMemory", "Make Markdown of the log", Value::Null)
        },
        Operation::CompactionHistory => {
            let answer = schema::<curation::History>(g);
            Described {
                parameters: vec![Parameter::query("limit", "At most so many", count(limits::HISTORY_PAGE))],
                ..plain("compactionHistory", "Past compactions and the one under way", answer)
            }
        }
        Operation::CollectGarbage => {
            plain("collectGarbage", "Remove what has outlived its kind", schema::<Collected>(g))
        }
        Operation::VerifyMemory => plain(
            "verifyMemory",
            "Check every record, the index and the Markdown",
            schema::<curation::Verified>(g),
        ),
        Operation::ImportMemory => {
            // One line; the body is as many of them as fit.
            let message = schema::<MessageOut<'_>>(g);
            let entry = schema::<EntryOut<'_>>(g);
            let memory = g.request::<entries::EntryRequest>();
            Described {
                body: Some((json!({"anyOf": [message, entry, memory]}), true)),
                ..plain("importMemory", "Take in what was said elsewhere", schema::<Imported>(g))
            }
        }
        Operation::ExportMemory => {
            let (message, entry) = (schema::<MessageOut<'_>>(g), schema::<EntryOut<'_>>(g));
            Described {
                parameters: vec![
                    Parameter::query("limit", "At most so many lines", count(limits::EXPORT_PAGE)),
                    Parameter::query(
                        "after",
                        "Go on from here: the `X-Next-Cursor` of the page before",
                        json!({"type": "integer", "minimum": 0}),
                    ),
                ],
                responses: vec![(
                    200,
                    "Messages and remembered entries, oldest record first; without the header `X-Next-Cursor` these were the last. `X-Unreadable-Records` counts the places of the log that could not be read, whose content is missing here",
                    Some(lines(json!({"anyOf": [message, entry]}))),
                )],
                ..plain("exportMemory", "Give out what was said and remembered", Value::Null)
            }
        }
        // The rest of the memory's operations.
        _ => plain("memoryStats", "Sizes and counts of the memory", schema::<memory::Stats>(g)),
    }
}

fn entry_filter() -> Vec<Parameter> {
    vec![
        Parameter::query("limit", "At most so many", count(limits::ENTRIES_PAGE)),
        Parameter::query(
            "offset",
            "Skip so many first",
            json!({"type": "integer", "minimum": 0, "default": 0}),
        ),
        Parameter::query("kind", "Only this kind", json!({"type": "string", "enum": MemoryKind::ALL})),
        Parameter::query("tag", "Only those with this tag", json!({"type": "string", "minLength": 1})),
        Parameter::query("conversation_id", "Only those of this conversation", json!({"type": "string"})),
        Parameter::query(
            "all",
            "Superseded and expired ones, too",
            json!({"type": "boolean", "default": false}),
        ),
    ]
}
