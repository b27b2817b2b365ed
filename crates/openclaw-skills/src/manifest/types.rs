//! Types in tables of parameters, as people write them.

use serde_json::{Map, Value, json};

use super::{
    schema::TYPES,
    words::{plain, required},
};

/// What a type means as a schema; empty when it is not known.
pub(super) fn schema_of(cell: &str) -> Map<String, Value> {
    let text = plain(cell);
    let text = text.trim_end_matches('?');
    // `string, optional`, `string (required)`
    let without: Vec<_> = split_types(text).into_iter().filter(|part| required(part).is_none()).collect();
    let known: Vec<_> = without.iter().map(|part| one_type(part)).collect();
    let mut schema = Map::new();
    if let [Some(only)] = &known[..] {
        return only.clone();
    }
    let names: Option<Vec<_>> = known.iter().map(|known| known.as_ref()?.get("type").cloned()).collect();
    if let Some(names) = names.filter(|names| names.len() > 1) {
        schema.insert("type".to_owned(), Value::Array(names));
        return schema;
    }
    // `a | b`, `"a" / "b"`, `enum(a, b)`: words that are no types are choices.
    let choices = choices(cell);
    if choices.len() > 1 && known.iter().all(Option::is_none) {
        schema.insert("type".to_owned(), json!("string"));
        schema.insert("enum".to_owned(), json!(choices));
    }
    schema
}

/// The alternatives of a type; brackets hold together.
fn split_types(text: &str) -> Vec<String> {
    let text = text.replace(" or ", "|").replace(" 或 ", "|");
    let (mut parts, mut depth) = (vec![String::new()], 0usize);
    for character in text.chars() {
        match character {
            '<' | '[' => depth += 1,
            '>' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && "|/,;()（）".contains(character) {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn one_type(text: &str) -> Option<Map<String, Value>> {
    let mut schema = Map::new();
    let of = |name: &str| json!(name);
    let list = text
        .strip_suffix("[]")
        .or_else(|| text.strip_prefix("list of "))
        .or_else(|| text.strip_prefix("array of "))
        .or_else(|| {
            Some(text.strip_prefix("array<").or_else(|| text.strip_prefix("list<"))?.trim_end_matches('>'))
        })
        .or_else(|| Some(text.strip_prefix("list[")?.trim_end_matches(']')));
    if let Some(item) = list {
        schema.insert("type".to_owned(), of("array"));
        // The type of entries may be in the plural.
        let item = one_type(item).or_else(|| one_type(item.trim_end_matches('s')));
        if let Some(item) = item.filter(|item| item.get("type") != Some(&json!("array"))) {
            schema.insert("items".to_owned(), Value::Object(item));
        }
        return Some(schema);
    }
    let name = match text {
        name if TYPES.contains(&name) => name,
        "str" | "text" | "date" | "datetime" | "time" | "url" | "uri" | "email" | "path" | "file"
        | "filepath" | "uuid" | "字符串" | "文本" | "字串" | "文字列" | "문자열" => "string",
        "int" | "long" | "整数" | "整數" | "정수" => "integer",
        "float" | "double" | "decimal" | "num" | "数字" | "數字" | "浮点数" | "数値" | "숫자" => {
            "number"
        }
        "bool" | "flag" | "布尔" | "布尔值" | "布林" | "真偽値" | "불리언" => "boolean",
        "list" | "数组" | "陣列" | "列表" | "配列" | "배열" | "리스트" => "array",
        "dict" | "map" | "json" | "record" | "对象" | "物件" | "オブジェクト" | "객체" => {
            "object"
        }
        _ => return None,
    };
    schema.insert("type".to_owned(), of(name));
    Some(schema)
}

/// The choices in a cell such as `a, b`, `` `a` | `b` `` or `enum: a/b`.
pub(super) fn choices(cell: &str) -> Vec<String> {
    let cell = cell.trim();
    let cell = ["enum", "Enum", "one of"].iter().find_map(|mark| cell.strip_prefix(mark)).unwrap_or(cell);
    let cell = cell.trim_matches(|character: char| " :()[]".contains(character));
    let parts = cell.split([',', '|', '/', '、', '，']);
    let parts =
        parts.map(|part| part.trim_matches(|character: char| "`\"'* ".contains(character)).to_owned());
    let parts: Vec<_> =
        parts.filter(|part| !part.is_empty() && part != "-" && part != "…" && part != "...").collect();
    // `1-7` or a sentence is no list of choices.
    let is_choice = |part: &String| part.chars().count() <= 64 && part.split_whitespace().count() <= 3;
    if parts.len() > 1 && parts.iter().all(is_choice) { parts } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_understood() {
        for (cell, expected) in [
            ("String", json!({"type": "string"})),
            ("`int`", json!({"type": "integer"})),
            ("string, optional", json!({"type": "string"})),
            ("number (required)", json!({"type": "number"})),
            ("string | null", json!({"type": ["string", "null"]})),
            ("string or number", json!({"type": ["string", "number"]})),
            ("array<string>", json!({"type": "array", "items": {"type": "string"}})),
            ("list of strings", json!({"type": "array", "items": {"type": "string"}})),
            ("List[int]", json!({"type": "array", "items": {"type": "integer"}})),
            ("object[]", json!({"type": "array", "items": {"type": "object"}})),
            ("\"a\" | \"b\"", json!({"type": "string", "enum": ["a", "b"]})),
            ("enum(A, b)", json!({"type": "string", "enum": ["A", "b"]})),
            ("boolean?", json!({"type": "boolean"})),
            ("blob", json!({})),
            ("", json!({})),
        ] {
            assert_eq!(Value::Object(schema_of(cell)), expected, "{cell}");
        }
    }

    #[test]
    fn choices_are_short_words() {
        assert_eq!(choices("`a`, `b`"), ["a", "b"]);
        for none in ["", "a", "1-7", "any of the many cities there are, or a country"] {
            assert!(choices(none).is_empty(), "{none}");
        }
    }
}
