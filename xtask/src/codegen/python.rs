//! The Python library's types: dataclasses for what the gateway says, typed dicts for what it is told.

use std::{collections::BTreeSet, fmt::Write as _};

use super::model::{Document, Field, Literal, Named, Object, Shape, Type, Variant, pascal};

const HEAD: &str = "\"\"\"Made from docs/openapi.yaml's source by `cargo xtask codegen`; do not edit.\"\"\"

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Literal, Optional, TypedDict, Union
";
/// Longest line where there is a choice.
const WIDTH: usize = 120;

/// `_types.py`, with the wire's names.
pub(super) fn types(document: &Document) -> String {
    let told = reached(document, document.operations.iter().filter_map(|operation| operation.body.clone()));
    let answers = document.operations.iter().flat_map(|operation| &operation.answers);
    let said = reached(document, answers.filter_map(reference));
    let mut module = Module::default();
    for named in &document.types {
        module.push(named, told.contains(&named.name) && !said.contains(&named.name));
    }
    module.names.sort_unstable();
    let names: String = module.names.iter().map(|name| format!("    \"{name}\",\n")).collect();
    format!("{HEAD}\n__all__ = [\n{names}]\n{}", module.text)
}

/// The types that these ones are made of, themselves included.
fn reached(document: &Document, from: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut open: Vec<String> = from.collect();
    let mut reached = BTreeSet::new();
    while let Some(name) = open.pop() {
        let shape = document.types.iter().find(|named| named.name == name).map(|named| &named.shape);
        let fields: Vec<&Field> = match shape {
            Some(Shape::Object(object)) => object.fields.iter().collect(),
            Some(Shape::Tagged { variants, .. }) => {
                variants.iter().flat_map(|variant| &variant.fields).collect()
            }
            Some(Shape::Enum(_)) | None => Vec::new(),
        };
        if reached.insert(name) {
            open.extend(fields.into_iter().filter_map(|field| reference(&field.of)));
        }
    }
    reached
}

fn reference(of: &Type) -> Option<String> {
    match of {
        Type::Ref(name) => Some(name.clone()),
        Type::Array(of) | Type::Nullable(of) => reference(of),
        _ => None,
    }
}

#[derive(Default)]
struct Module {
    text: String,
    names: Vec<String>,
}

impl Module {
    fn push(&mut self, named: &Named, is_told: bool) {
        match &named.shape {
            Shape::Enum(literals) => self.push_literals(&named.name, literals, &named.doc),
            Shape::Object(Object { fields, .. }) if is_told => {
                self.push_typed_dict(&named.name, fields, &named.doc)
            }
            Shape::Object(Object { fields, .. }) => {
                self.push_dataclass(&named.name, None, fields, &named.doc)
            }
            Shape::Tagged { tag, variants } => self.push_union(&named.name, tag, variants, &named.doc),
        }
    }

    fn push_literals(&mut self, name: &str, literals: &[Literal], about: &str) {
        let each = literals.iter().filter(|literal| !literal.doc.is_empty());
        let each: String =
            each.map(|literal| format!("\n- ``{}``: {}", literal.value, literal.doc)).collect();
        let about = if each.is_empty() { about.to_owned() } else { format!("{about}\n{each}\n") };
        self.push_alias(name, "Literal", literals.iter().map(|literal| quoted(&literal.value)), &about);
    }

    /// Each variant is a class of its own, whose tag has one value only.
    fn push_union(&mut self, name: &str, tag: &str, variants: &[Variant], about: &str) {
        let class = |variant: &Variant| format!("{}{name}", pascal(&variant.value));
        for variant in variants {
            self.push_dataclass(&class(variant), Some((tag, &variant.value)), &variant.fields, &variant.doc);
        }
        self.push_alias(name, "Union", variants.iter().map(class), about);
    }

    fn push_alias(&mut self, name: &str, of: &str, parts: impl Iterator<Item = String>, about: &str) {
        self.names.push(name.to_owned());
        let parts: Vec<_> = parts.collect();
        let line = format!("{name} = {of}[{}]", parts.join(", "));
        if line.len() <= WIDTH {
            self.line(format_args!("\n\n{line}"));
        } else {
            self.line(format_args!("\n\n{name} = {of}[\n    {},\n]", parts.join(",\n    ")));
        }
        self.doc("", about);
    }

    /// Fields with a default follow those without, as Python asks for.
    fn push_dataclass(&mut self, name: &str, tag: Option<(&str, &str)>, fields: &[Field], about: &str) {
        let types = self.field_types(name, fields);
        self.names.push(name.to_owned());
        self.line(format_args!("\n\n@dataclass(frozen=True)\nclass {name}:"));
        self.doc("    ", about);
        self.separate(about);
        for (field, of) in fields.iter().zip(&types).filter(|(field, _)| field.required) {
            self.line(format_args!("    {}: {of}", field.name));
            self.doc("    ", &field.doc);
        }
        if let Some((tag, value)) = tag {
            let value = quoted(value);
            self.line(format_args!("    {tag}: Literal[{value}] = {value}"));
        }
        for (field, of) in fields.iter().zip(&types).filter(|(field, _)| !field.required) {
            let (of, default) = match &field.of {
                Type::Array(_) => (of.clone(), "field(default_factory=list)"),
                _ => (optional(of), "None"),
            };
            self.line(format_args!("    {}: {of} = {default}", field.name));
            self.doc("    ", &field.doc);
        }
        self.line(format_args!(
            "    extra: Dict[str, Any] = field(default_factory=dict, repr=False)\n    \"\"\"What a newer gateway says besides.\"\"\""
        ));
    }

    /// What may be left out stands in a class that inherits what may not: Python 3.9 knows no other way.
    fn push_typed_dict(&mut self, name: &str, fields: &[Field], about: &str) {
        let types = self.field_types(name, fields);
        self.names.push(name.to_owned());
        let (required, others): (Vec<_>, Vec<_>) =
            fields.iter().zip(&types).partition(|(field, _)| field.required);
        let base = if required.is_empty() { "TypedDict".to_owned() } else { format!("_{name}Required") };
        if !required.is_empty() {
            self.line(format_args!("\n\nclass {base}(TypedDict):"));
            self.push_keys(&required);
        }
        self.line(format_args!("\n\nclass {name}({base}, total=False):"));
        self.doc("    ", about);
        if others.is_empty() && about.is_empty() {
            self.line(format_args!("    pass"));
        } else if !others.is_empty() {
            self.separate(about);
        }
        self.push_keys(&others);
    }

    fn push_keys(&mut self, fields: &[(&Field, &String)]) {
        for (field, of) in fields {
            self.line(format_args!("    {}: {of}", field.name));
            self.doc("    ", &field.doc);
        }
    }

    /// The types of an object's fields. Texts that stand in a field only get a name here, so that callers can name them.
    fn field_types(&mut self, name: &str, fields: &[Field]) -> Vec<String> {
        let shown = fields.iter().map(|field| {
            let alias = format!("{name}{}", pascal(&field.name));
            if let Some(values) = literals(&field.of) {
                self.push_alias(&alias, "Literal", values.iter().map(|value| quoted(value)), "");
            }
            shown(&field.of, &alias)
        });
        shown.collect()
    }

    fn separate(&mut self, about: &str) {
        if !about.is_empty() {
            self.text.push('\n');
        }
    }

    fn doc(&mut self, indent: &str, doc: &str) {
        if !doc.is_empty() {
            self.line(format_args!("{indent}\"\"\"{}\"\"\"", doc.replace('\\', "\\\\").replace('"', "\\\"")));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String can't fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn literals(of: &Type) -> Option<&[String]> {
    match of {
        Type::Literals(values) => Some(values),
        Type::Array(of) | Type::Nullable(of) => literals(of),
        _ => None,
    }
}

fn shown(of: &Type, alias: &str) -> String {
    match of {
        Type::Any => "Any".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Integer => "int".to_owned(),
        Type::Number => "float".to_owned(),
        Type::String => "str".to_owned(),
        Type::Timestamp => "datetime".to_owned(),
        Type::Map => "Dict[str, Any]".to_owned(),
        Type::Literals(_) => alias.to_owned(),
        Type::Array(item) => format!("List[{}]", shown(item, alias)),
        Type::Ref(name) => name.clone(),
        Type::Nullable(of) => optional(&shown(of, alias)),
    }
}

fn optional(of: &str) -> String {
    if of == "Any" || of.starts_with("Optional[") { of.to_owned() } else { format!("Optional[{of}]") }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
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
                    {"properties": {"type": {"const": "token"}, "content": {"type": "string"}, "at": {"type": "string", "format": "date-time"}}, "required": ["type", "content"]},
                ]},
                "Body": {"properties": {
                    "level": {"enum": ["low", "high"], "description": "How \"much\"."},
                    "tags": {"type": ["array", "null"], "items": {"type": "string"}},
                }, "required": ["level"]},
            }},
            "paths": {"/events": {"post": {
                "operationId": "tell",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}},
            }}},
        });
        let document = Document::read(&document).unwrap();
        let expected = r#"
__all__ = [
    "Body",
    "BodyLevel",
    "Event",
    "TokenEvent",
]


@dataclass(frozen=True)
class TokenEvent:
    content: str
    type: Literal["token"] = "token"
    at: Optional[datetime] = None
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


Event = Union[TokenEvent]
"""One event."""


BodyLevel = Literal["low", "high"]


class _BodyRequired(TypedDict):
    level: BodyLevel
    """How \"much\"."""


class Body(_BodyRequired, total=False):
    tags: Optional[List[str]]
"#;
        assert_eq!(types(&document).strip_prefix(HEAD), Some(expected));
    }
}
