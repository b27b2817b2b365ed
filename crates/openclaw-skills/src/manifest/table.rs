//! Parameters that are described by a table in the text instead of a schema in the head:
//!
//! ```markdown
//! ## Parameters
//! | Name   | Type            | Required | Default | Description |
//! | ------ | --------------- | -------- | ------- | ----------- |
//! | `city` | string          | yes      |         | Where       |
//! | `days` | integer         | no       | 3       | How many    |
//! ```
//!
//! The first table below a heading of that kind is read, in English, Chinese, Japanese or Korean; its columns may stand in any order.

use serde_json::{Map, Value, json};

use super::{
    ManifestError,
    fields::{cut, one_line},
    schema, types, words,
    words::Column,
};

/// Most rows that are read.
const ROWS: usize = 64;
/// Longest description, in characters.
const DESCRIPTION: usize = 500;

/// The schema that the text's table describes, if it has one. `first_line` is the line of the file the text begins on.
pub(super) fn read(
    text: &str,
    first_line: usize,
    warnings: &mut Vec<String>,
) -> Result<Option<Value>, ManifestError> {
    let Some((columns, line, rows)) = find(text) else { return Ok(None) };
    let line = line + first_line - 1;
    if rows.len() > ROWS {
        return Err(ManifestError::Table { line, reason: format!("has more than {ROWS} rows") });
    }
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for row in &rows {
        let cell = |wanted: Column| {
            let index = columns.iter().position(|column| *column == Some(wanted));
            index.and_then(|index| row.get(index)).map_or("", |cell| cell.as_str())
        };
        let (name, marked) = words::parameter(cell(Column::Name));
        let Some(name) = name else {
            let shown = one_line(cut(cell(Column::Name), 60));
            if shown.contains(char::is_alphanumeric) {
                warnings.push(format!(
                    "the table of parameters (line {line}) has a row `{shown}`, which names no parameter"
                ));
            }
            continue;
        };
        let kind = cell(Column::Type);
        let mut property = types::schema_of(kind);
        if property.is_empty() && !kind.is_empty() {
            warnings.push(format!(
                "the type `{}` of the parameter `{name}` is not known; anything is taken",
                one_line(cut(kind, 60))
            ));
        }
        let choices = types::choices(cell(Column::Values));
        if !choices.is_empty() && !property.contains_key("enum") {
            let choices: Vec<_> = choices.iter().map(|choice| typed(choice, &property)).collect();
            property.insert("enum".to_owned(), Value::Array(choices));
        }
        let description = one_line(cut(cell(Column::Description), DESCRIPTION));
        if !description.is_empty() {
            property.insert("description".to_owned(), Value::String(description));
        }
        if let Some(default) = words::default(cell(Column::Default)) {
            property.insert("default".to_owned(), typed(default, &property));
        }
        let is_required = match cell(Column::Required) {
            "" => marked.or_else(|| words::required(kind)).unwrap_or_default(),
            cell => words::required(cell).unwrap_or_default(),
        };
        if properties.insert(name.to_owned(), Value::Object(property)).is_some() {
            return Err(ManifestError::Table { line, reason: format!("names `{name}` twice; remove one") });
        }
        if is_required {
            required.push(name.to_owned());
        }
    }
    if properties.is_empty() {
        return Ok(None);
    }
    let schema = schema::object(&properties, &required);
    schema::check(&schema).map_err(|reason| ManifestError::Table { line, reason })?;
    Ok(Some(schema))
}

/// A default or choice as a value of the parameter's type.
fn typed(text: &str, property: &Map<String, Value>) -> Value {
    let read = serde_json::from_str::<Value>(text).ok();
    match (property.get("type").and_then(Value::as_str), read) {
        (Some("string"), Some(Value::String(inside))) => Value::String(inside),
        (Some("boolean"), _) => match super::fields::flag(&json!(text)) {
            Some(flag) => Value::Bool(flag),
            None => json!(text),
        },
        (Some("string") | None, _) | (_, None) => json!(text),
        (_, Some(value)) => value,
    }
}

type Found = (Vec<Option<Column>>, usize, Vec<Vec<String>>);

/// The columns, the header's line (from 1) and the rows of the first table of parameters below a heading that announces one.
fn find(text: &str) -> Option<Found> {
    let mut lines = text.lines().enumerate().peekable();
    let mut fence: Option<&str> = None;
    // The level of the heading whose section this is.
    let mut section = None;
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| line.starts_with(mark)) {
            match fence {
                None => fence = Some(mark),
                Some(open) if open == mark => fence = None,
                Some(_) => {}
            }
            continue;
        }
        if fence.is_some() {
            continue;
        }
        if let Some((level, title)) = heading(line) {
            if words::announces_parameters(title) {
                section = Some(level);
            } else if section.is_some_and(|own| level <= own) {
                section = None;
            }
            continue;
        }
        if section.is_none() || !line.contains('|') {
            continue;
        }
        if !lines.peek().is_some_and(|(_, next)| is_rule(next.trim())) {
            continue;
        }
        let columns: Vec<_> = cells(line).iter().map(|title| words::column(title)).collect();
        lines.next();
        let mut rows = Vec::new();
        while let Some((_, row)) = lines.next_if(|(_, row)| row.trim().contains('|')) {
            // One more than the bound tells that there are too many.
            if rows.len() <= ROWS {
                rows.push(cells(row.trim()));
            }
        }
        let has = |wanted| columns.contains(&Some(wanted));
        if has(Column::Name) && (has(Column::Type) || has(Column::Required) || has(Column::Description)) {
            return Some((columns, index + 1, rows));
        }
    }
    None
}

/// `## Title ##` as its level and title.
fn heading(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let is_heading = (1..=6).contains(&level) && title.starts_with([' ', '\t']);
    is_heading.then(|| (level, title.trim().trim_end_matches('#').trim_end()))
}

/// `| --- | :-: |`
fn is_rule(line: &str) -> bool {
    line.contains('-') && line.contains('|') && line.bytes().all(|byte| b"|-: \t".contains(&byte))
}

/// The cells of a row; `\|` is a bar in one.
fn cells(line: &str) -> Vec<String> {
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut cells = vec![String::new()];
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, cells.last_mut()) {
            ('\\', Some(cell)) if characters.next_if_eq(&'|').is_some() => cell.push('|'),
            ('|', _) if characters.peek().is_some() => cells.push(String::new()),
            ('|', _) | (_, None) => {}
            (character, Some(cell)) => cell.push(character),
        }
    }
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> (Option<Value>, Vec<String>) {
        let mut warnings = Vec::new();
        (read(text, 1, &mut warnings).unwrap(), warnings)
    }

    #[test]
    fn a_table_becomes_a_schema() {
        let text = "# X\n\n| a | b |\n|---|---|\n| not | this |\n\n```\n## Parameters\n```\n## Parameters\n\nThese:\n\n\
                    | Name | Type | Required | Default | Description |\n|:--|--|:-:|--|--|\n\
                    | `city` | string | yes | | Where, e.g. a\\|b |\n| days | int | no | `3` | How **many** |\n\
                    | units | `metric` \\| `imperial` | No | metric | |\n| tags | string[] | | - | |\n\n## Other\n";
        let (schema, warnings) = schema(text);
        let expected = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where, e.g. a|b"},
                "days": {"type": "integer", "description": "How **many**", "default": 3},
                "units": {"type": "string", "enum": ["metric", "imperial"], "default": "metric"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["city"],
        });
        assert_eq!(schema.unwrap(), expected);
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn columns_may_stand_in_any_order_and_language() {
        for table in [
            "### Input Parameters:\nDescription | Required | Parameter | Type\n---|---|---|---\nWhere | ✅ | `city` | string\nHow many | ❌ | days | integer\n",
            "## 参数\n| 参数名 | 类型 | 必填 | 说明 |\n|---|---|---|---|\n| city | 字符串 | 是 | Where |\n| days | 整数 | 否 | How many |\n",
            "## パラメータ\n| 名前 | 型 | 必須 | 説明 |\n|---|---|---|---|\n| city | 文字列 | はい | Where |\n| days | 整数 | いいえ | How many |\n",
            "## 매개변수\n| 이름 | 타입 | 필수 | 설명 |\n|---|---|---|---|\n| city | 문자열 | 예 | Where |\n| days | 정수 | 아니오 | How many |\n",
            "## 3. Arguments\n| Name | Type | Description |\n|---|---|---|\n| --city* | string | Where |\n| days (optional) | integer | How many |\n",
        ] {
            let (schema, warnings) = schema(table);
            let expected = json!({
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Where"},
                    "days": {"type": "integer", "description": "How many"},
                },
                "required": ["city"],
            });
            assert_eq!(schema, Some(expected), "{table}");
            assert_eq!(warnings, [""; 0]);
        }
    }

    #[test]
    fn other_tables_and_headings_are_none() {
        for text in [
            "",
            "## Parameters\nNone.\n",
            "## Parameters\n## Usage\n| Name | Type |\n|---|---|\n| a | string |\n",
            "## Parameters\n| Command | Effect |\n|---|---|\n| a | b |\n",
            "## Input Automation\n| Name | Type |\n|---|---|\n| a | string |\n",
            "## Parameters\n| Name | Type |\n| a | string |\n",
            "## Parameters\n| Name | Type |\n|---|---|\n",
            "#Parameters\n| Name | Type |\n|---|---|\n| a | b |\n",
        ] {
            assert_eq!(schema(text).0, None, "{text}");
        }
    }

    #[test]
    fn odd_rows_are_passed_over_with_a_warning() {
        let text = "## Parameters\n### Weather\n| Name | Type | Values |\n|-|-|-|\n| a b c | string |\n| days | blob | 1, 2 |\n| |\n";
        let (schema, warnings) = schema(text);
        assert_eq!(schema.unwrap()["properties"], json!({"days": {"enum": ["1", "2"]}}));
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }

    #[test]
    fn too_many_or_doubled_rows_are_refused() {
        let table = |rows: &str| format!("\n## Parameters\n| Name | Type |\n|-|-|\n{rows}");
        let many: String = (0..=ROWS).map(|row| format!("| a{row} | string |\n")).collect();
        for (rows, part) in [(many.as_str(), "more than"), ("| a | string |\n| a | string |\n", "`a` twice")]
        {
            let error = read(&table(rows), 5, &mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("line 7"), "{error}");
        }
    }
}
