//! What the OpenAPI document says, in the few words that every language has.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Types in the document's order, then its operations.
pub(crate) struct Document {
    pub(crate) types: Vec<Named>,
    pub(crate) operations: Vec<Operation>,
}

/// A type with a name.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) shape: Shape,
}

pub(crate) enum Shape {
    Object(Object),
    /// One of a few texts.
    Enum(Vec<Literal>),
    /// One of a few objects, told apart by the text in `tag`.
    Tagged {
        tag: String,
        variants: Vec<Variant>,
    },
}

pub(crate) struct Literal {
    pub(crate) value: String,
    pub(crate) doc: String,
}

/// An object of a tagged union; its fields do not list the tag.
pub(crate) struct Variant {
    pub(crate) value: String,
    pub(crate) doc: String,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Object {
    pub(crate) fields: Vec<Field>,
    /// Whether there may be further fields.
    pub(crate) open: bool,
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) of: Type,
    /// Whether it is always there. One that is may still be null.
    pub(crate) required: bool,
}

/// What a field holds. There are no nested objects: those get a [`Named`] of their own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Any,
    Boolean,
    Integer,
    Number,
    String,
    /// A text that is a time of RFC 3339.
    Timestamp,
    /// An object with whatever fields.
    Map,
    Literals(Vec<String>),
    Array(Box<Self>),
    Ref(String),
    Nullable(Box<Self>),
}

/// A method on a path.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) doc: String,
    /// `GET`, …
    pub(crate) method: String,
    /// `/message/{id}`, below the base address.
    pub(crate) path: String,
    pub(crate) query: Vec<Field>,
    /// Name of the type of the JSON body, if it has one.
    pub(crate) body: Option<String>,
    /// JSON answers of success: more than one when the request says which.
    pub(crate) answers: Vec<Type>,
}

impl Document {
    pub(crate) fn read(document: &Value) -> Result<Self> {
        let mut types = Vec::new();
        for (name, schema) in members(&document["components"]["schemas"]) {
            let named = Named::read(name, schema, &mut types);
            types.push(named.with_context(|| format!("schema {name}"))?);
        }
        let mut operations = Vec::new();
        for (path, methods) in members(&document["paths"]) {
            for (method, operation) in members(methods) {
                let read = Operation::read(path, method, operation, &mut types);
                operations.push(read.with_context(|| format!("{method} {path}"))?);
            }
        }
        Ok(Self { types, operations })
    }
}

impl Named {
    /// Objects within it go to `types` first.
    fn read(name: &str, schema: &Value, types: &mut Vec<Self>) -> Result<Self> {
        let shape = match texts(schema) {
            Some(literals) => Shape::Enum(literals),
            None if schema["properties"].is_object() => Shape::Object(Object {
                fields: fields(name, schema, types)?,
                open: schema["additionalProperties"] == Value::Bool(true),
            }),
            None if schema["oneOf"].is_array() => tagged(name, schema, types)?,
            None => Shape::Object(Object { fields: Vec::new(), open: true }),
        };
        Ok(Self { name: name.to_owned(), doc: doc(schema), shape })
    }
}

impl Operation {
    fn read(path: &str, method: &str, operation: &Value, types: &mut Vec<Named>) -> Result<Self> {
        let id = operation["operationId"].as_str().context("no operationId")?.to_owned();
        let mut query = Vec::new();
        for parameter in items(&operation["parameters"]).filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().context("a parameter without a name")?;
            query.push(Field {
                name: name.to_owned(),
                doc: doc(parameter),
                of: Type::read(&id, name, &parameter["schema"], types)?,
                required: parameter["required"] == Value::Bool(true),
            });
        }
        let body = json(&operation["requestBody"])["$ref"].as_str().map(target);
        let mut answers = Vec::new();
        for (_, answer) in members(&operation["responses"]).filter(|(status, _)| status.starts_with('2')) {
            let of = Type::read(&id, "answer", json(answer), types)?;
            if of != Type::Any && !answers.contains(&of) {
                answers.push(of);
            }
        }
        let doc = operation["summary"].as_str().unwrap_or_default().to_owned();
        Ok(Self { id, doc, method: method.to_uppercase(), path: path.to_owned(), query, body, answers })
    }
}

impl Type {
    fn read(parent: &str, field: &str, schema: &Value, types: &mut Vec<Named>) -> Result<Self> {
        if let Some(reference) = schema["$ref"].as_str() {
            return Ok(Self::Ref(target(reference)));
        }
        if let Some(literals) = texts(schema) {
            return Ok(Self::Literals(literals.into_iter().map(|literal| literal.value).collect()));
        }
        if schema["anyOf"].is_array() {
            let (null, others): (Vec<_>, Vec<_>) =
                items(&schema["anyOf"]).partition(|each| each["type"] == "null");
            let [one] = others.as_slice() else { bail!("{field}: a union that is no option") };
            let of = Self::read(parent, field, one, types)?;
            return Ok(if null.is_empty() { of } else { Self::Nullable(Box::new(of)) });
        }
        let names: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => return Ok(Self::Any),
        };
        let mut others = names.iter().filter(|name| **name != "null");
        let (Some(kind), None) = (others.next(), others.next()) else {
            bail!("{field}: neither one type nor an option: {names:?}")
        };
        let of = match *kind {
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" if schema["format"] == "date-time" => Self::Timestamp,
            "string" => Self::String,
            "array" => {
                let item = Self::read(parent, field.trim_end_matches('s'), &schema["items"], types)?;
                Self::Array(Box::new(item))
            }
            "object" if schema["properties"].is_object() => {
                let name = format!("{}{}", pascal(parent), pascal(field));
                let named = Named::read(&name, schema, types)?;
                types.push(named);
                Self::Ref(name)
            }
            "object" => Self::Map,
            other => bail!("{field}: unknown type {other}"),
        };
        Ok(if names.contains(&"null") { Self::Nullable(Box::new(of)) } else { of })
    }
}

/// `skill_call` as `SkillCall`.
pub(crate) fn pascal(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    name.split('_').filter_map(capital).collect()
}

fn tagged(name: &str, schema: &Value, types: &mut Vec<Named>) -> Result<Shape> {
    let mut tag = None;
    let mut variants = Vec::new();
    for variant in items(&schema["oneOf"]) {
        let (key, value) = members(&variant["properties"])
            .find_map(|(key, property)| Some((key, property["const"].as_str()?)))
            .context("a variant without a tag")?;
        if **tag.get_or_insert(key) != **key {
            bail!("two tags: {key}");
        }
        let mut fields = fields(&format!("{name}{}", pascal(value)), variant, types)?;
        fields.retain(|field| field.name != *key);
        variants.push(Variant { value: value.to_owned(), doc: doc(variant), fields });
    }
    Ok(Shape::Tagged { tag: tag.context("no variants")?.clone(), variants })
}

fn fields(parent: &str, schema: &Value, types: &mut Vec<Named>) -> Result<Vec<Field>> {
    let required: Vec<&str> = items(&schema["required"]).filter_map(Value::as_str).collect();
    let mut fields = Vec::new();
    for (name, property) in members(&schema["properties"]) {
        fields.push(Field {
            name: name.clone(),
            doc: doc(property),
            of: Type::read(parent, name, property, types)?,
            required: required.contains(&name.as_str()),
        });
    }
    Ok(fields)
}

/// The texts that a schema allows, when it allows nothing else.
fn texts(schema: &Value) -> Option<Vec<Literal>> {
    if let Some(values) = schema["enum"].as_array() {
        let literal = |value: &Value| Some(Literal { value: value.as_str()?.to_owned(), doc: String::new() });
        return values.iter().map(literal).collect();
    }
    let literal =
        |schema: &Value| Some(Literal { value: schema["const"].as_str()?.to_owned(), doc: doc(schema) });
    match schema["oneOf"].as_array() {
        Some(variants) => variants.iter().map(literal).collect(),
        None => Some(vec![literal(schema)?]),
    }
}

/// The schema of a JSON body.
fn json(body: &Value) -> &Value {
    &body["content"]["application/json"]["schema"]
}

/// The name at the end of a reference.
fn target(reference: &str) -> String {
    reference.rsplit('/').next().unwrap_or_default().to_owned()
}

fn doc(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_options_literals_unions_and_objects_within() {
        let document = json!({"components": {"schemas": {
            "Kind": {"oneOf": [{"const": "a", "description": "A."}, {"const": "b"}]},
            "List": {"properties": {
                "lines": {"type": "array", "items": {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}}},
                "kind": {"anyOf": [{"$ref": "#/components/schemas/Kind"}, {"type": "null"}]},
                "any": true,
            }, "required": ["lines"]},
            "Event": {"oneOf": [{"properties": {"type": {"const": "end"}, "id": {"type": ["string", "null"]}}, "required": ["type"]}]},
        }}});
        let types = Document::read(&document).unwrap().types;
        let names: Vec<_> = types.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(names, ["Kind", "ListLine", "List", "Event"]);
        let Shape::Object(list) = &types[2].shape else { panic!("no object") };
        let of: Vec<_> = list.fields.iter().map(|field| (field.of.clone(), field.required)).collect();
        assert_eq!(of[0], (Type::Array(Box::new(Type::Ref("ListLine".to_owned()))), true));
        assert_eq!(of[1], (Type::Nullable(Box::new(Type::Ref("Kind".to_owned()))), false));
        assert_eq!(of[2], (Type::Any, false));
        let Shape::Tagged { tag, variants } = &types[3].shape else { panic!("no union") };
        assert_eq!((tag.as_str(), variants[0].value.as_str(), variants[0].fields.len()), ("type", "end", 1));
    }
}
