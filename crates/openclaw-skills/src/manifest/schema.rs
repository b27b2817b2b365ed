//! `parameters` in the front matter: a JSON Schema, or the short forms that people write instead of one.

use serde_json::{Map, Value, json};

use super::fields::flag;

/// Deepest nesting of a schema.
const DEPTH: usize = 16;
/// Most values in a schema.
const NODES: usize = 2048;
/// Longest schema as JSON, in bytes: it is sent to the model with every turn.
const BYTES: usize = 16 * 1024;
/// The same of a server's tool: programs write them, and some write much.
const SERVER_BYTES: usize = 64 * 1024;
/// JSON's types, as schemas call them.
pub(super) const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];

/// The schema of an object with these properties.
pub(super) fn object(properties: &Map<String, Value>, required: &[String]) -> Value {
    let mut schema = json!({"type": "object", "properties": properties});
    if let (Value::Object(schema), false) = (&mut schema, required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

/// Reads the field: a JSON Schema of an object; `{city: {type: string, required: true}}`; `{city: string}`; or a list of
/// `{name: city, type: string}`. The error goes on where the field's name ends.
pub(super) fn read(value: &Value) -> Result<Value, String> {
    let schema = match value {
        Value::Object(entries) if is_schema(entries) => {
            let mut entries = entries.clone();
            entries.entry("type").or_insert_with(|| json!("object"));
            entries.entry("properties").or_insert_with(|| json!({}));
            Value::Object(entries)
        }
        Value::Object(entries) => {
            from_pairs(entries.iter().map(|(name, value)| (name.clone(), value.clone())))?
        }
        Value::Array(items) => {
            let pairs = items.iter().map(|item| {
                let mut entry = item.as_object()?.clone();
                let name = entry.shift_remove("name")?.as_str()?.to_owned();
                Some((name, Value::Object(entry)))
            });
            let pairs = pairs.collect::<Option<Vec<_>>>().ok_or(
                "is a list: each of its entries must be a mapping with a `name`, or write a JSON Schema",
            )?;
            from_pairs(pairs.into_iter())?
        }
        _ => return Err("must be a JSON Schema: a mapping with `type: object` and `properties`".to_owned()),
    };
    check(&schema)?;
    Ok(schema)
}

fn is_schema(entries: &Map<String, Value>) -> bool {
    entries.get("type").is_some_and(|kind| !kind.is_object())
        || entries.contains_key("$schema")
        || entries.get("properties").is_some_and(|properties| {
            // A parameter may be called `properties`, too.
            properties.as_object().is_some_and(|all| all.values().all(Value::is_object))
        })
        || entries.contains_key("additionalProperties")
}

/// The short forms: what is required is said by each property.
fn from_pairs(pairs: impl Iterator<Item = (String, Value)>) -> Result<Value, String> {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, value) in pairs {
        let mut property = match value {
            Value::Object(property) => property,
            Value::String(kind) if TYPES.contains(&kind.as_str()) => {
                [("type".to_owned(), Value::String(kind))].into_iter().collect()
            }
            _ => return Err(format!("says of `{name}` neither a type nor a mapping with one")),
        };
        // `required` is a list in an object's schema, and a flag in the short form.
        if let Some(is_required) = property.get("required").and_then(flag) {
            property.shift_remove("required");
            if is_required {
                required.push(name.clone());
            }
        }
        if property.shift_remove("optional").and_then(|is| flag(&is)) == Some(false)
            && !required.contains(&name)
        {
            required.push(name.clone());
        }
        if properties.insert(name.clone(), Value::Object(property)).is_some() {
            return Err(format!("has two parameters `{name}`"));
        }
    }
    Ok(object(&properties, &required))
}

/// Refuses what is no schema of an object, or too much of one.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut nodes = 0;
    bounded(schema, 0, &mut nodes)?;
    let bytes = schema.to_string().len();
    if bytes > BYTES {
        return Err(format!("has {bytes} bytes as JSON; at most {BYTES} are sent to the model"));
    }
    if schema.get("type") != Some(&json!("object")) {
        return Err(
            "must describe an object: give it `type: object`, and the parameters below `properties`".into()
        );
    }
    if !schema.get("properties").is_some_and(Value::is_object) {
        return Err("must have a mapping of parameters as its `properties`".to_owned());
    }
    subschema(schema, "", false)
}

/// The schema of a tool that a server offers, whose author is not here to mend it: what is missing is put in. Vendors refuse a whole
/// request for one schema that is none.
///
/// # Errors
/// What is wrong with it; it goes on where its name ends.
pub(crate) fn of_server(mut entries: Map<String, Value>) -> Result<Value, String> {
    let is_object = *entries.entry("type").or_insert_with(|| json!("object")) == json!("object");
    if !is_object {
        return Err("must describe an object".to_owned());
    }
    entries.entry("properties").or_insert_with(|| json!({}));
    let schema = Value::Object(entries);
    let bytes = schema.to_string().len();
    if bytes > SERVER_BYTES {
        return Err(format!("has {bytes} bytes as JSON; at most {SERVER_BYTES} are sent to the model"));
    }
    subschema(&schema, "", true)?;
    Ok(schema)
}

fn bounded(value: &Value, depth: usize, nodes: &mut usize) -> Result<(), String> {
    *nodes += 1;
    if depth > DEPTH || *nodes > NODES {
        return Err(format!("is too large: at most {NODES} values, {DEPTH} deep"));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| bounded(item, depth + 1, nodes)),
        Value::Object(entries) => entries.values().try_for_each(|item| bounded(item, depth + 1, nodes)),
        _ => Ok(()),
    }
}

/// Checks the keywords that [`super::check_arguments`] and the providers rely on. The depth is bounded already, by us or by the parser.
fn subschema(schema: &Value, path: &str, has_refs: bool) -> Result<(), String> {
    let at = |what: String| if path.is_empty() { what } else { format!("{what} (at `{path}`)") };
    let entries = match schema {
        Value::Object(entries) => entries,
        Value::Bool(_) => return Ok(()),
        _ => return Err(at("has a schema that is no mapping".to_owned())),
    };
    if !has_refs && (entries.contains_key("$ref") || entries.contains_key("$dynamicRef")) {
        return Err(at("refers to another schema with `$ref`: write it out".to_owned()));
    }
    let kinds = match entries.get("type") {
        None => &[][..],
        Some(Value::Array(kinds)) => kinds,
        Some(kind) => std::slice::from_ref(kind),
    };
    if let Some(odd) = kinds.iter().find(|kind| !kind.as_str().is_some_and(|kind| TYPES.contains(&kind))) {
        return Err(at(format!("has the type {odd}; there are {}", TYPES.join(", "))));
    }
    if let Some(required) = entries.get("required")
        && !required.as_array().is_some_and(|names| names.iter().all(Value::is_string))
    {
        return Err(at("must give `required` as a list of names".to_owned()));
    }
    if entries.get("enum").is_some_and(|choices| !choices.is_array()) {
        return Err(at("must give `enum` as a list".to_owned()));
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for key in ["properties", "patternProperties", "$defs", "definitions"] {
        let Some(named) = entries.get(key) else { continue };
        let named = named.as_object().ok_or_else(|| at(format!("must give `{key}` as a mapping")))?;
        named.iter().try_for_each(|(name, schema)| subschema(schema, &below(name), has_refs))?;
    }
    for key in ["items", "additionalProperties", "not"] {
        match entries.get(key) {
            None => {}
            Some(Value::Array(schemas)) if key == "items" => {
                schemas.iter().try_for_each(|schema| subschema(schema, &below(key), has_refs))?;
            }
            Some(schema) => subschema(schema, &below(key), has_refs)?,
        }
    }
    for key in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        let Some(schemas) = entries.get(key) else { continue };
        let schemas = schemas.as_array().ok_or_else(|| at(format!("must give `{key}` as a list")))?;
        schemas.iter().try_for_each(|schema| subschema(schema, &below(key), has_refs))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_stays_as_it_is() {
        let schema = json!({
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"]}},
            "required": ["city"],
            "additionalProperties": false,
        });
        assert_eq!(read(&schema).unwrap(), schema);
        assert_eq!(read(&json!({})).unwrap(), json!({"type": "object", "properties": {}}));
        assert_eq!(read(&json!({"type": "object"})).unwrap(), json!({"type": "object", "properties": {}}));
        let without_type = json!({"properties": {"a": {"type": "string"}}});
        assert_eq!(read(&without_type).unwrap()["type"], "object");
    }

    #[test]
    fn short_forms_become_schemas() {
        let expected = json!({
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Where"}, "days": {"type": "integer"}},
            "required": ["city"],
        });
        for short in [
            json!({"city": {"type": "string", "required": true, "description": "Where"}, "days": {"type": "integer", "required": false}}),
            json!({"city": {"type": "string", "optional": "no", "description": "Where"}, "days": "integer"}),
            json!([{"name": "city", "type": "string", "required": "yes", "description": "Where"}, {"name": "days", "type": "integer"}]),
        ] {
            assert_eq!(read(&short).unwrap(), expected, "{short}");
        }
        let odd_names = json!({"type": {"type": "string"}, "properties": "object"});
        let schema = read(&odd_names).unwrap();
        assert_eq!(schema["properties"].as_object().unwrap().len(), 2);
    }

    #[test]
    fn a_servers_schema_is_completed_or_refused() {
        let taken = |schema: Value| of_server(schema.as_object().unwrap().clone());
        assert_eq!(taken(json!({})).unwrap(), json!({"type": "object", "properties": {}}));
        let with_refs = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}});
        assert_eq!(taken(with_refs.clone()).unwrap(), with_refs);
        for (schema, part) in [
            (json!({"type": "string"}), "describe an object"),
            (json!({"properties": 7}), "as a mapping"),
            (json!({"properties": {"a": {"type": "text"}}}), "has the type"),
            (json!({"required": true}), "list of names"),
            (json!({"description": "x".repeat(70_000)}), "bytes as JSON"),
        ] {
            let error = taken(schema).unwrap_err();
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn what_is_no_schema_of_an_object_is_refused() {
        let mut deep = json!({"type": "string"});
        for _ in 0..20 {
            deep = json!({"type": "array", "items": deep});
        }
        for (value, part) in [
            (json!("string"), "must be a JSON Schema"),
            (json!({"type": "array", "items": {}}), "must describe an object"),
            (json!({"type": "object", "properties": []}), "mapping of parameters"),
            (json!({"type": "object", "properties": {"a": "string"}}), "no mapping (at `a`)"),
            (json!({"type": "object", "properties": {"a": {"type": "text"}}}), "has the type \"text\""),
            (json!({"a": {"type": "text"}}), "there are string, number"),
            (json!({"a": {"$ref": "#/$defs/a"}}), "`$ref`"),
            (
                json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"enum": 1}}}}}),
                "(at `a.b`)",
            ),
            (json!({"type": "object", "required": "a"}), "list of names"),
            (json!({"a": {"anyOf": {}}}), "`anyOf` as a list"),
            (json!({"a": 7}), "says of `a`"),
            (json!([{"type": "string"}]), "a `name`"),
            (json!([{"name": "a"}, {"name": "a"}]), "two parameters `a`"),
            (json!({"a": deep}), "too large"),
            (json!({"a": {"enum": vec![0; 3000]}}), "too large"),
            (json!({"a": {"description": "x".repeat(20_000)}}), "bytes as JSON"),
        ] {
            let error = read(&value).unwrap_err();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
