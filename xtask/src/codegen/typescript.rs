//! The Node library's types.

use std::fmt::Write as _;

use super::model::{Document, Field, Named, Object, Operation, Shape, Type, Variant, pascal};

const HEAD: &str = "// Made from docs/openapi.yaml's source by `cargo xtask codegen`; do not edit.\n";

/// `types.ts`: what goes over the wire, under the wire's names, and the options of what is listed.
pub(super) fn types(document: &Document) -> String {
    let mut text = HEAD.to_owned();
    for named in &document.types {
        text.push('\n');
        push_named(&mut text, named);
    }
    for operation in &document.operations {
        push_options(&mut text, document, operation);
    }
    text.push_str("\n/** What each operation answers. */\n");
    push_interface(&mut text, "Answers", document.operations.iter().filter_map(answer));
    text
}

/// What a caller may say, in the language's own names: the query's parameters, or the body's fields.
fn push_options(text: &mut String, document: &Document, operation: &Operation) {
    let body = document.types.iter().find_map(|named| match &named.shape {
        Shape::Object(object) if operation.body.as_ref() == Some(&named.name) => Some(&object.fields),
        _ => None,
    });
    let fields = body.unwrap_or(&operation.query);
    if fields.is_empty() {
        return;
    }
    text.push('\n');
    push_doc(text, "", &format!("Options of: {}.", operation.doc));
    let lines = fields.iter().map(|field| {
        // Leaving out and null mean the same.
        let of = match &field.of {
            Type::Nullable(of) => of.as_ref().clone(),
            other => other.clone(),
        };
        line(
            &camel(&field.name),
            &Field { name: String::new(), doc: field.doc.clone(), of, required: field.required },
        )
    });
    push_interface(text, &format!("{}Options", pascal(&operation.id)), lines);
}

fn answer(operation: &Operation) -> Option<String> {
    let answers: Vec<_> = operation.answers.iter().map(shown).collect();
    (!answers.is_empty()).then(|| format!("  {}: {};", operation.id, answers.join(" | ")))
}

/// `operations.ts`: method and path of each.
pub(super) fn operations(document: &Document) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n/** Method and path of every operation. */\nexport const operations = {\n");
    for operation in &document.operations {
        push(
            &mut text,
            format_args!("  {}: [\"{}\", \"{}\"],", operation.id, operation.method, operation.path),
        );
    }
    text.push_str("} as const;\n\nexport type Operation = keyof typeof operations;\n");
    text
}

/// Two names of the document mean something else to every reader of JavaScript.
fn name(of: &str) -> &str {
    match of {
        "Error" => "Failure",
        "Event" => "RunEvent",
        other => other,
    }
}

fn push_named(text: &mut String, named: &Named) {
    match &named.shape {
        Shape::Object(Object { fields, open }) => {
            push_doc(text, "", &named.doc);
            let more = open.then(|| "  [key: string]: unknown;".to_owned());
            push_interface(
                text,
                name(&named.name),
                fields.iter().map(|field| line(&field.name, field)).chain(more),
            );
        }
        Shape::Enum(literals) => {
            push_doc(text, "", &named.doc);
            push(text, format_args!("export type {} =", name(&named.name)));
            for literal in literals {
                push_doc(text, "  ", &literal.doc);
                push(text, format_args!("  | {:?}", literal.value));
            }
            end_union(text);
        }
        Shape::Tagged { tag, variants } => {
            let of = |variant: &Variant| format!("{}{}", pascal(&variant.value), named.name);
            push_doc(text, "", &named.doc);
            push(text, format_args!("export type {} =", name(&named.name)));
            for variant in variants {
                push(text, format_args!("  | {}", of(variant)));
            }
            end_union(text);
            for variant in variants {
                text.push('\n');
                push_doc(text, "", &variant.doc);
                let tag = std::iter::once(format!("  {tag}: {:?};", variant.value));
                let own = variant.fields.iter().map(|field| line(&field.name, field));
                push_interface(text, &of(variant), tag.chain(own).chain(absent(variant, variants)));
            }
        }
    }
}

/// Fields that only other variants have may be asked for: `event.content ?? ""` is what everybody writes.
fn absent(variant: &Variant, variants: &[Variant]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for field in variants.iter().flat_map(|other| &other.fields) {
        if !names.contains(&field.name.as_str()) && variant.fields.iter().all(|own| own.name != field.name) {
            names.push(&field.name);
        }
    }
    names.into_iter().map(|name| format!("  {name}?: undefined;")).collect()
}

fn push_interface(text: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    push(text, format_args!("export interface {name} {{"));
    for line in lines {
        push(text, format_args!("{line}"));
    }
    text.push_str("}\n");
}

/// A field with its comment.
fn line(name: &str, field: &Field) -> String {
    let mut text = String::new();
    push_doc(&mut text, "  ", &field.doc);
    let mark = if field.required { "" } else { "?" };
    let _ = write!(text, "  {name}{mark}: {};", shown(&field.of));
    text
}

fn shown(of: &Type) -> String {
    match of {
        Type::Any => "unknown".to_owned(),
        Type::Boolean => "boolean".to_owned(),
        Type::Integer | Type::Number => "number".to_owned(),
        Type::String | Type::Timestamp => "string".to_owned(),
        Type::Map => "Record<string, unknown>".to_owned(),
        Type::Literals(values) => {
            values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" | ")
        }
        Type::Array(item) => match shown(item) {
            union if union.contains(" | ") => format!("({union})[]"),
            item => format!("{item}[]"),
        },
        Type::Ref(of) => name(of).to_owned(),
        Type::Nullable(of) => format!("{} | null", shown(of)),
    }
}

/// `conversation_id` as `conversationId`.
fn camel(name: &str) -> String {
    let pascal = pascal(name);
    let mut letters = pascal.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn push_doc(text: &mut String, indent: &str, doc: &str) {
    if !doc.is_empty() {
        push(text, format_args!("{indent}/** {} */", doc.replace("*/", "*\\/")));
    }
}

fn end_union(text: &mut String) {
    text.pop();
    text.push_str(";\n");
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prints_what_a_person_would_write() {
        let document = json!({
            "components": {"schemas": {
                "Event": {"description": "One event.", "oneOf": [
                    {"properties": {"type": {"const": "start"}, "id": {"type": "string"}}, "required": ["type", "id"]},
                    {"properties": {"type": {"const": "token"}, "content": {"type": ["string", "null"]}}},
                ]},
            }},
            "paths": {"/logs/{id}": {"get": {
                "operationId": "readLogs", "summary": "Read",
                "parameters": [{"in": "query", "name": "not_before", "schema": {"enum": ["a", "b"]}}],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}}}},
            }}},
        });
        let document = Document::read(&document).unwrap();
        let expected = "
/** One event. */
export type RunEvent =
  | StartEvent
  | TokenEvent;

export interface StartEvent {
  type: \"start\";
  id: string;
  content?: undefined;
}

export interface TokenEvent {
  type: \"token\";
  content?: string | null;
  id?: undefined;
}

/** Options of: Read. */
export interface ReadLogsOptions {
  notBefore?: \"a\" | \"b\";
}

/** What each operation answers. */
export interface Answers {
  readLogs: RunEvent;
}
";
        assert_eq!(types(&document).strip_prefix(HEAD), Some(expected));
        assert!(operations(&document).contains("\n  readLogs: [\"GET\", \"/logs/{id}\"],\n"));
    }
}
