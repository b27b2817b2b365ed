//! The words of tables of parameters, as people write them in several languages.

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Type,
    Required,
    Default,
    Values,
    Description,
}

/// Words in a heading above such a table.
const HEADINGS: [&str; 23] = [
    "parameters",
    "parameter",
    "params",
    "arguments",
    "argument",
    "args",
    "参数",
    "參數",
    "引数",
    "パラメータ",
    "パラメーター",
    "매개변수",
    "파라미터",
    "인자",
    "인수",
    "输入参数",
    "輸入參數",
    "请求参数",
    "参数说明",
    "參數說明",
    "调用参数",
    "입력값",
    "参数列表",
];
/// Words that announce a table only when they are the whole heading.
const WHOLE_HEADINGS: [&str; 9] =
    ["input", "inputs", "输入", "輸入", "入力", "입력", "options", "入参", "传参"];

const NAMES: [&str; 20] = [
    "name",
    "parameter",
    "parameters",
    "param",
    "argument",
    "arg",
    "field",
    "key",
    "input",
    "option",
    "参数",
    "参数名",
    "參數",
    "名称",
    "名稱",
    "字段",
    "名前",
    "パラメータ",
    "이름",
    "매개변수",
];
const KINDS: [&str; 9] = ["type", "datatype", "类型", "類型", "型", "タイプ", "타입", "유형", "자료형"];
const REQUIREDS: [&str; 14] = [
    "required",
    "required?",
    "req",
    "mandatory",
    "必填",
    "必须",
    "必需",
    "是否必填",
    "是否必须",
    "必須",
    "必要",
    "필수",
    "필수여부",
    "必選",
];
const DEFAULTS: [&str; 10] = [
    "default",
    "defaults",
    "defaultvalue",
    "默认",
    "默认值",
    "預設",
    "預設值",
    "デフォルト",
    "既定値",
    "기본값",
];
const VALUES: [&str; 12] = [
    "values",
    "allowed",
    "allowedvalues",
    "options",
    "enum",
    "choices",
    "可选值",
    "取值",
    "取值范围",
    "選択肢",
    "허용값",
    "선택지",
];
const DESCRIPTIONS: [&str; 15] = [
    "description",
    "descriptions",
    "desc",
    "meaning",
    "notes",
    "note",
    "purpose",
    "details",
    "说明",
    "說明",
    "描述",
    "含义",
    "説明",
    "설명",
    "備考",
];

const YES: [&str; 18] = [
    "yes",
    "y",
    "true",
    "required",
    "mandatory",
    "must",
    "x",
    "✓",
    "✔",
    "✅",
    "☑",
    "是",
    "必填",
    "必须",
    "必須",
    "はい",
    "예",
    "필수",
];
const NO: [&str; 17] = [
    "no",
    "n",
    "false",
    "optional",
    "not",
    "conditional",
    "❌",
    "✗",
    "✘",
    "否",
    "可选",
    "選填",
    "任意",
    "いいえ",
    "아니오",
    "아니요",
    "선택",
];

/// Small letters, no marks of Markdown, no spaces at the ends.
pub(super) fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|character| !"*`_~\u{fe0f}".contains(*character)).collect();
    text.trim().trim_end_matches([':', '：']).trim().to_lowercase()
}

/// The words of a text.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| character.is_whitespace() || ",.;:()[]{}/|&（）、，：".contains(character))
        .filter(|word| !word.is_empty())
}

/// Whether a table of parameters may follow a heading.
pub(super) fn announces_parameters(title: &str) -> bool {
    let title = plain(title);
    let is_word = |word: &str| HEADINGS.contains(&word);
    let letters = title.trim_matches(|character: char| !character.is_alphabetic());
    split(&title).any(is_word) || WHOLE_HEADINGS.contains(&letters)
}

/// What a column with this title says.
pub(super) fn column(title: &str) -> Option<Column> {
    let title: String = plain(title).split_whitespace().collect();
    let title = title.as_str();
    // `Parameter name`, `Field name`.
    let name = title.strip_suffix("name").filter(|rest| !rest.is_empty()).unwrap_or(title);
    [
        (&KINDS[..], Column::Type),
        (&REQUIREDS, Column::Required),
        (&DEFAULTS, Column::Default),
        (&VALUES, Column::Values),
        (&DESCRIPTIONS, Column::Description),
        (&NAMES, Column::Name),
    ]
    .into_iter()
    .find(|(words, column)| words.contains(if *column == Column::Name { &name } else { &title }))
    .map(|(_, column)| column)
}

/// The name in a cell such as `` `city` ``, `--city`, `city*` or `city (required)`, and whether it is marked as required.
pub(super) fn parameter(cell: &str) -> (Option<&str>, Option<bool>) {
    let bare = cell.trim_matches(|character: char| "*`_ \t".contains(character));
    let (name, rest) =
        match bare.find(|character: char| character.is_whitespace() || "*`?(（".contains(character)) {
            Some(end) => bare.split_at(end),
            None => (bare, ""),
        };
    let name = name.trim_start_matches('-');
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let is_name = begins && name.len() <= 64 && name.bytes().all(inner);
    let marked = if rest.starts_with('?') { Some(false) } else { required(rest) };
    let star =
        (bare.len() < cell.len() && cell.trim_end().ends_with('*') && !cell.trim_start().starts_with('*'))
            || rest.starts_with('*');
    // Two words are no name; a word in brackets behind it is a remark, and one behind an option is what it takes.
    let is_remark = rest.is_empty()
        || bare.starts_with('-')
        || rest.trim_start().starts_with(['(', '（', '*', '`', '?'])
        || marked.is_some();
    if is_name && is_remark { (Some(name), marked.or(star.then_some(true))) } else { (None, None) }
}

/// Whether a cell says that something is required. `None`: it says nothing about that.
pub(super) fn required(cell: &str) -> Option<bool> {
    let cell = plain(cell);
    // "not required", "no (yes for cities)": what is said first counts.
    split(&cell).find_map(|word| {
        let no = NO.contains(&word).then_some(false);
        no.or_else(|| YES.contains(&word).then_some(true))
    })
}

/// The default in a cell; nothing for a dash and the like.
pub(super) fn default(cell: &str) -> Option<&str> {
    let text = cell.trim_matches(|character: char| "`* ".contains(character));
    let is_none = text.chars().all(|character| "-–—/".contains(character))
        || matches!(
            text.to_lowercase().as_str(),
            "none" | "n/a" | "null" | "required" | "无" | "なし" | "없음"
        );
    (!is_none).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_of_their_decoration() {
        for (cell, expected) in [
            ("city", (Some("city"), None)),
            ("`city`", (Some("city"), None)),
            ("**city**", (Some("city"), None)),
            ("--max-days", (Some("max-days"), None)),
            ("`--to DATE`", (Some("to"), None)),
            ("city*", (Some("city"), Some(true))),
            ("`city` *", (Some("city"), Some(true))),
            ("city?", (Some("city"), Some(false))),
            ("city (required)", (Some("city"), Some(true))),
            ("`city` (in Europe)", (Some("city"), None)),
            ("two words", (None, None)),
            ("options.units", (None, None)),
            ("城市", (None, None)),
            ("", (None, None)),
            ("1st", (None, None)),
        ] {
            assert_eq!(parameter(cell), expected, "{cell}");
        }
    }

    #[test]
    fn yes_and_no_have_many_faces() {
        for yes in ["Yes", "**yes**", "✅", "Required", "是", "✔️", "true", "Yes (always)", "필수"] {
            assert_eq!(required(yes), Some(true), "{yes}");
        }
        for no in ["no", "No, default 3", "not required", "optional", "❌", "否", "可选", "false"] {
            assert_eq!(required(no), Some(false), "{no}");
        }
        assert_eq!(required(""), None);
        assert_eq!(required("a city"), None);
    }

    #[test]
    fn a_dash_is_no_default() {
        assert_eq!(default("`metric`"), Some("metric"));
        for none in ["", "-", "—", "none", "N/A", "`null`"] {
            assert_eq!(default(none), None, "{none}");
        }
    }
}
