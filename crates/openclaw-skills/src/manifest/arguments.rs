//! Checking a call's arguments before a sandbox is started for it: a model reads one sentence and mends its call.

use serde_json::{Map, Value};

/// Deepest value that is checked; below that everything is taken.
const DEPTH: usize = 64;
/// Longest value that an error repeats, in characters.
const SHOWN: usize = 60;

/// Whether `arguments` are what `schema` describes, by the part of JSON Schema that tools use: `type`, `enum`, `const`,
/// `required`, `properties`, `additionalProperties`, `items`, the bounds of numbers, texts, lists and objects, `anyOf`, `oneOf` (taken
/// as `anyOf`) and `allOf`. Other keywords, `pattern` and `format` among them, are left to the skill.
///
/// # Errors
///
/// A sentence for the model that names the place and what belongs there.
pub(crate) fn check_arguments(schema: &Value, arguments: &Value) -> Result<(), String> {
    if !arguments.is_object() {
        return Err(format!("the arguments must be an object, not {}", kind(arguments)));
    }
    check(schema, arguments, "", 0)
}

fn check(schema: &Value, value: &Value, path: &str, depth: usize) -> Result<(), String> {
    let schema = match schema {
        Value::Object(schema) if depth <= DEPTH => schema,
        Value::Bool(false) => return Err(format!("{} is not allowed", name(path))),
        _ => return Ok(()),
    };
    if let Some(wanted) = schema.get("type")
        && !is_of(wanted, value)
    {
        return Err(format!("{} must be {}, not {}", name(path), kinds(wanted), kind(value)));
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.iter().any(|choice| equal(choice, value))
    {
        let choices = choices.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        return Err(format!("{} must be one of {choices}; it is {}", name(path), shown(value)));
    }
    if let Some(only) = schema.get("const")
        && !equal(only, value)
    {
        return Err(format!("{} must be {only}; it is {}", name(path), shown(value)));
    }
    match value {
        Value::Number(number) => number_bounds(schema, number.as_f64().unwrap_or_default(), path)?,
        Value::String(text) => {
            count(schema, text.chars().count(), ["minLength", "maxLength"], "characters", path)?;
        }
        Value::Array(items) => {
            count(schema, items.len(), ["minItems", "maxItems"], "entries", path)?;
            if let Some(each) = schema.get("items").filter(|each| !each.is_array()) {
                for (index, item) in items.iter().enumerate() {
                    check(each, item, &format!("{path}[{index}]"), depth + 1)?;
                }
            }
        }
        Value::Object(entries) => object(schema, entries, path, depth)?,
        Value::Null | Value::Bool(_) => {}
    }
    for key in ["anyOf", "oneOf"] {
        let Some(schemas) = schema.get(key).and_then(Value::as_array) else { continue };
        let mut first = None;
        let fits = schemas.iter().any(|schema| match check(schema, value, path, depth + 1) {
            Ok(()) => true,
            Err(error) => {
                first.get_or_insert(error);
                false
            }
        });
        if let (false, Some(error)) = (fits, first) {
            return Err(format!("{} fits none of its allowed forms; the first of them: {error}", name(path)));
        }
    }
    let all = schema.get("allOf").and_then(Value::as_array);
    all.into_iter().flatten().try_for_each(|schema| check(schema, value, path, depth + 1))
}

fn object(
    schema: &Map<String, Value>,
    entries: &Map<String, Value>,
    path: &str,
    depth: usize,
) -> Result<(), String> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    for missing in required.into_iter().flatten().filter_map(Value::as_str) {
        if !entries.contains_key(missing) {
            return Err(format!("`{}` is missing", below(missing)));
        }
    }
    count(schema, entries.len(), ["minProperties", "maxProperties"], "entries", path)?;
    for (key, value) in entries {
        let known = properties.and_then(|properties| properties.get(key));
        match (known, schema.get("additionalProperties")) {
            (Some(schema), _) => check(schema, value, &below(key), depth + 1)?,
            (None, Some(Value::Bool(false))) if !schema.contains_key("patternProperties") => {
                let known = properties.into_iter().flat_map(Map::keys).map(|key| format!("`{key}`"));
                let known = known.collect::<Vec<_>>().join(", ");
                let known =
                    if known.is_empty() { "there are none".to_owned() } else { format!("there are {known}") };
                return Err(format!("`{}` is no parameter; {known}", shorten(&below(key))));
            }
            (None, Some(schema)) => check(schema, value, &below(key), depth + 1)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn number_bounds(schema: &Map<String, Value>, value: f64, path: &str) -> Result<(), String> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    for (key, words, fails) in [
        ("minimum", "at least", (|value, bound| value < bound) as fn(f64, f64) -> bool),
        ("maximum", "at most", |value, bound| value > bound),
        ("exclusiveMinimum", "more than", |value, bound| value <= bound),
        ("exclusiveMaximum", "less than", |value, bound| value >= bound),
    ] {
        if let Some(bound) = bound(key).filter(|bound| fails(value, *bound)) {
            return Err(format!("{} must be {words} {bound}; it is {value}", name(path)));
        }
    }
    Ok(())
}

fn count(
    schema: &Map<String, Value>,
    value: usize,
    [low, high]: [&str; 2],
    what: &str,
    path: &str,
) -> Result<(), String> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let value = value as u64;
    if let Some(low) = bound(low).filter(|low| value < *low) {
        return Err(format!("{} must have at least {low} {what}; it has {value}", name(path)));
    }
    if let Some(high) = bound(high).filter(|high| value > *high) {
        return Err(format!("{} must have at most {high} {what}; it has {value}", name(path)));
    }
    Ok(())
}

/// JSON Schema's equality: 1 is 1.0.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    let is = |wanted: &str| match wanted {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    match wanted {
        Value::String(wanted) => is(wanted),
        Value::Array(all) => all.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    if kind == "null" { "null".to_owned() } else { format!("{article} {kind}") }
}

fn kinds(wanted: &Value) -> String {
    match wanted {
        Value::Array(all) => {
            all.iter().filter_map(Value::as_str).map(article).collect::<Vec<_>>().join(" or ")
        }
        wanted => article(wanted.as_str().unwrap_or_default()),
    }
}

fn kind(value: &Value) -> String {
    article(match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    })
}

fn name(path: &str) -> String {
    if path.is_empty() { "the object of arguments".to_owned() } else { format!("`{}`", shorten(path)) }
}

fn shown(value: &Value) -> String {
    shorten(&value.to_string())
}

fn shorten(text: &str) -> String {
    let cut = super::fields::cut(text, SHOWN);
    if cut.len() < text.len() { format!("{cut}…") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 1, "maxLength": 5},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
                "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "units": {"enum": ["metric", "imperial", 1]},
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
                "where": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"], "additionalProperties": false},
                "either": {"anyOf": [{"type": "string"}, {"type": "array"}]},
                "both": {"allOf": [{"minimum": 1}, {"maximum": 2}]},
                "maybe": {"type": ["string", "null"]},
                "never": false,
                "kind": {"const": "a"},
            },
            "required": ["city"],
            "additionalProperties": false,
        })
    }

    #[test]
    fn takes_what_fits() {
        for arguments in [
            json!({"city": "Wien"}),
            json!({"city": "臺北市", "days": 3.0, "share": 0.5, "units": 1.0}),
            json!({"city": "x", "tags": ["a", "b"], "where": {"lat": 1}, "either": [], "both": 2, "maybe": null, "kind": "a"}),
        ] {
            check_arguments(&schema(), &arguments).unwrap();
        }
        check_arguments(&json!({}), &json!({"anything": [1]})).unwrap();
        check_arguments(&json!(true), &json!({})).unwrap();
    }

    #[test]
    fn an_error_names_the_place_and_what_belongs_there() {
        for (arguments, expected) in [
            (json!([1]), "the arguments must be an object, not an array"),
            (json!({}), "`city` is missing"),
            (json!({"city": 7}), "`city` must be a string, not a number"),
            (json!({"city": ""}), "`city` must have at least 1 characters; it has 0"),
            (json!({"city": "Vienna"}), "`city` must have at most 5 characters; it has 6"),
            (json!({"city": "x", "days": "3"}), "`days` must be an integer, not a string"),
            (json!({"city": "x", "days": 2.5}), "`days` must be an integer, not a number"),
            (json!({"city": "x", "days": 8}), "`days` must be at most 7; it is 8"),
            (json!({"city": "x", "share": 1}), "`share` must be less than 1; it is 1"),
            (
                json!({"city": "x", "units": "kelvin"}),
                "`units` must be one of \"metric\", \"imperial\", 1; it is \"kelvin\"",
            ),
            (json!({"city": "x", "tags": ["a", 1]}), "`tags[1]` must be a string, not a number"),
            (json!({"city": "x", "tags": ["a", "b", "c"]}), "`tags` must have at most 2 entries; it has 3"),
            (json!({"city": "x", "where": {}}), "`where.lat` is missing"),
            (
                json!({"city": "x", "where": {"lat": 1, "lon": 2}}),
                "`where.lon` is no parameter; there are `lat`",
            ),
            (
                json!({"city": "x", "either": 1}),
                "`either` fits none of its allowed forms; the first of them: `either` must be a string, not a number",
            ),
            (json!({"city": "x", "both": 3}), "`both` must be at most 2; it is 3"),
            (json!({"city": "x", "maybe": 1}), "`maybe` must be a string or null, not a number"),
            (json!({"city": "x", "never": 1}), "`never` is not allowed"),
            (json!({"city": "x", "kind": "b"}), "`kind` must be \"a\"; it is \"b\""),
        ] {
            assert_eq!(check_arguments(&schema(), &arguments).unwrap_err(), expected);
        }
        let error = check_arguments(&schema(), &json!({"city": "x", "other": 1})).unwrap_err();
        assert!(error.starts_with("`other` is no parameter; there are `city`, `days`"), "{error}");
    }

    #[test]
    fn long_values_are_cut() {
        let arguments = json!({"city": "x", "units": "k".repeat(10_000)});
        assert!(check_arguments(&schema(), &arguments).unwrap_err().len() < 300);
    }
}
