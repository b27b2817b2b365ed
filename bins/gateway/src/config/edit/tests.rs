use proptest::prelude::*;
use serde_json::json;

use super::*;

const FILE: &str = "\
# my gateway
gateway: # the server
  port: 18789   # the usual one
  # who may call
  auth:
    token: \"${GATEWAY_AUTH_TOKEN}\" # never in here
  allowed_hosts:
    - a.lan # alice
    # bob moved
    - 'b.lan'
  allowed_origins: [ \"https://x\" ]

providers:
# primary:
#   type: anthropic
limits: {a: 1, b: two} # flow
# the end
";

fn edit(patch: &Value) -> String {
    apply(FILE, patch).unwrap()
}

/// Lines that are only in the one or the other.
fn changed(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let without = |a: &str, b: &str| -> Vec<String> {
        a.lines().filter(|line| !b.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    (without(before, after), without(after, before))
}

#[test]
fn a_value_changes_in_its_place_only() {
    let after = edit(&json!({"gateway": {"port": 8080}}));
    let (gone, new) = changed(FILE, &after);
    assert_eq!(gone, ["  port: 18789   # the usual one"]);
    assert_eq!(new, ["  port: 8080   # the usual one"]);
}

#[test]
fn quotes_stay_as_they_were() {
    let after = edit(&json!({"gateway": {"auth": {"token": "plain"}}, "limits": {"b": "three"}}));
    assert!(after.contains("    token: \"plain\" # never in here\n"), "{after}");
    assert!(after.contains("limits: {a: 1, b: three} # flow\n"), "{after}");
}

#[test]
fn new_keys_come_after_the_last_one() {
    let after = edit(
        &json!({"gateway": {"rate_limit": {"requests_per_minute": 120}}, "routing": {"fallback": ["b"]}}),
    );
    let (gone, new) = changed(FILE, &after);
    assert!(gone.is_empty(), "{gone:?}");
    assert_eq!(new, ["  rate_limit:", "    requests_per_minute: 120", "routing:", "  fallback: [b]"]);
    assert!(after.contains("\"https://x\" ]\n  rate_limit:\n"), "{after}");
    assert!(after.contains("# flow\nrouting:\n"), "{after}");
}

#[test]
fn an_empty_section_is_filled() {
    let after =
        edit(&json!({"providers": {"primary": {"type": "openai", "api_key": "sk: \"1\"", "gone": null}}}));
    assert!(
        after.contains(
            "providers:\n  primary:\n    type: openai\n    api_key: \"sk: \\\"1\\\"\"\n# primary:\n"
        ),
        "{after}"
    );
    for empty in ["p: {} # c\n", "p: ~ # c\n", "p: # c\n", "p: {  } # c\n", "p:\n"] {
        let after = apply(empty, &json!({"p": {"a": 1}}));
        let Ok(after) = after else { panic!("{empty:?}: {after:?}") };
        assert!(after.ends_with("  a: 1\n") || after.starts_with("p: {a: 1"), "{after}");
        assert_eq!(after.contains("# c"), empty.contains("# c"), "{after}");
    }
}

#[test]
fn list_items_that_stay_keep_their_comments() {
    let add = edit(&json!({"gateway": {"allowed_hosts": ["a.lan", "b.lan", "c.lan"]}}));
    assert!(add.contains("    - 'b.lan'\n    - c.lan\n"), "{add}");
    let remove = edit(&json!({"gateway": {"allowed_hosts": ["b.lan"]}}));
    assert!(remove.contains("  allowed_hosts:\n    # bob moved\n    - 'b.lan'\n"), "{remove}");
    let clear = edit(&json!({"gateway": {"allowed_hosts": []}}));
    assert!(clear.contains("  allowed_hosts: []\n"), "{clear}");
    let flow = edit(&json!({"gateway": {"allowed_origins": ["https://y"]}}));
    assert!(flow.contains("  allowed_origins: [\"https://y\"]\n"), "{flow}");
}

#[test]
fn null_removes() {
    let after = edit(
        &json!({"gateway": {"auth": {"token": null}, "port": null, "unknown": null}, "limits": {"b": null}}),
    );
    let (gone, new) = changed(FILE, &after);
    assert_eq!(
        gone,
        [
            "  port: 18789   # the usual one",
            "  auth:",
            "    token: \"${GATEWAY_AUTH_TOKEN}\" # never in here",
            "limits: {a: 1, b: two} # flow"
        ]
    );
    assert_eq!(new, ["  auth: {}", "limits: {a: 1} # flow"]);
    assert_eq!(apply("# c\na: 1\n", &json!({"a": null})).unwrap(), "# c\n");
}

#[test]
fn files_without_a_last_line_break_with_crlf_and_without_anything() {
    assert_eq!(apply("a: 1", &json!({"b": 2})).unwrap(), "a: 1\nb: 2\n");
    assert_eq!(
        apply("a: 1\r\nb:\r\n  c: 1\r\n", &json!({"b": {"d": 2}})).unwrap(),
        "a: 1\r\nb:\r\n  c: 1\r\n  d: 2\r\n"
    );
    assert_eq!(apply("", &json!({"a": {"b": 1}})).unwrap(), "a:\n  b: 1\n");
    assert_eq!(apply("# only\n", &json!({"a": "yes"})).unwrap(), "# only\na: \"yes\"\n");
    assert_eq!(apply("{a: 1}\n", &json!({"b": {"c": 2}})).unwrap(), "{b: {c: 2}, a: 1}\n");
}

#[test]
fn block_scalars_are_replaced_whole() {
    let text = "a: | # why\n  one\n\n  two\n# c\nb: 1\n";
    assert_eq!(apply(text, &json!({"a": "x"})).unwrap(), "a: x  # why\n# c\nb: 1\n");
    assert_eq!(apply(text, &json!({"a": null})).unwrap(), "# c\nb: 1\n");
    assert_eq!(apply("b: 1\na: >-\n  one\n", &json!({"c": 1})).unwrap(), "b: 1\na: >-\n  one\nc: 1\n");
}

#[test]
fn what_cant_be_kept_is_refused() {
    assert!(matches!(apply("? a\n: 1\n", &json!({"a": null})), Err(EditError::Layout(_))));
    assert!(matches!(apply("a: [", &json!({"a": null})), Err(EditError::Syntax(_))));
}

#[derive(Debug, Clone)]
struct Written {
    text: String,
    /// Comments with the top-level key they are below.
    comments: Vec<(String, String)>,
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-1000i64..1000).prop_map(Value::from),
        "[a-z]{1,6}".prop_map(Value::from),
        "[ -~é中\\n]{0,8}".prop_map(Value::from),
        "\\$\\{[A-Z]{1,4}(:-[a-z]{0,3})?\\}".prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(scalar(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-e]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-e]", tree(), 0..5)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn patch() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![3 => scalar(), 1 => Just(Value::Null), 1 => prop::collection::vec(scalar(), 0..4).prop_map(Value::from)];
    let tree = leaf.prop_recursive(3, 16, 4, |inner| {
        prop::collection::btree_map("[a-f]", inner, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    });
    prop::collection::btree_map("[a-f]", tree, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// Writes a tree the way people do, with a comment at every turn; `style` decides between the ways.
fn write(value: &Value, indentation: usize, style: &mut u64, top: &str, out: &mut Written) {
    let mut pick = |n: u64| {
        *style = style.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*style >> 33) % n
    };
    let comment = |out: &mut Written| {
        let comment = format!("# note-{}", out.comments.len());
        out.comments.push((top.to_owned(), comment.clone()));
        comment
    };
    let pad = " ".repeat(indentation);
    match value {
        Value::Object(map) if !map.is_empty() && pick(5) > 0 => {
            let comment = comment(out);
            out.text.push_str(&format!(" {comment}\n"));
            for (name, value) in map {
                out.text.push_str(&format!("{pad}{name}:"));
                write(value, indentation + 2, style, top, out);
            }
        }
        Value::Array(items) if !items.is_empty() && pick(3) > 0 => {
            out.text.push('\n');
            for item in items {
                let comment = comment(out);
                out.text.push_str(&format!("{pad}- {} {comment}\n", render::flow(item)));
            }
        }
        Value::String(text) if pick(2) > 0 => {
            let comment = comment(out);
            out.text.push_str(&format!(" {} {comment}\n{pad}# above\n", render::text(text, Style::Single)));
        }
        other => {
            let comment = comment(out);
            out.text.push_str(&format!(" {}  {comment}\n\n", render::flow(other)));
        }
    }
}

fn written() -> impl Strategy<Value = (Value, Written)> {
    (document(), any::<u64>()).prop_map(|(document, mut style)| {
        let mut out = Written { text: "# head\n".to_owned(), comments: Vec::new() };
        if let Value::Object(map) = &document {
            for (name, value) in map {
                out.text.push_str(&format!("{name}:"));
                write(value, 2, &mut style, name, &mut out);
            }
        }
        (document, out)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_reads_as_the_merged_tree_and_leaves_the_rest_alone((document, written) in written(), patch in patch()) {
        prop_assert_eq!(&root_json(parse(&written.text).unwrap().as_ref()), &document, "{}", written.text);
        let edited = apply(&written.text, &patch);
        prop_assert!(edited.is_ok(), "{:?}\n{}\n{}", edited, written.text, patch);
        let edited = edited.unwrap();
        let mut expected = document;
        merge(&mut expected, &patch);
        prop_assert_eq!(root_json(parse(&edited).unwrap().as_ref()), expected);
        let untouched = |top: &String| patch.get(top).is_none();
        for (top, comment) in written.comments.iter().filter(|(top, _)| untouched(top)) {
            prop_assert!(edited.contains(comment.as_str()), "{} below {} went\n{}", comment, top, edited);
        }
        prop_assert!(edited.starts_with("# head\n"));
    }

    #[test]
    fn no_text_makes_the_reader_or_the_editor_fall_over(text in "[ -~\\n\\t:\\-#'\"{}\\[\\],é]{0,60}", patch in patch()) {
        if let Ok(edited) = apply(&text, &patch) {
            prop_assert!(parse(&edited).is_ok());
        }
    }
}
