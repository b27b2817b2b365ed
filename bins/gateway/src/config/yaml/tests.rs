use serde_json::json;

use super::*;

fn read(text: &str) -> Value {
    root_json(parse(text).unwrap().as_ref())
}

fn message(text: &str) -> (usize, String) {
    let error = parse(text).unwrap_err();
    (error.place.line, error.message)
}

#[test]
fn scalars_follow_the_core_schema() {
    assert_eq!(
        read(
            "a: 1\nb: '1'\nc: 1.5\nd: yes\ne: True\nf: ~\ng:\nh: 0x1F\ni: -2\nj: 1.2.3\nk: .5\nl: 1e3\nm:\n  -\n"
        ),
        json!({"a": 1, "b": "1", "c": 1.5, "d": "yes", "e": true, "f": null, "g": null, "h": 31, "i": -2,
               "j": "1.2.3", "k": 0.5, "l": 1000.0, "m": [null]})
    );
    assert_eq!(read("# nothing\n"), json!({}));
    assert_eq!(read(""), json!({}));
}

#[test]
fn spans_cover_values_and_nothing_else() {
    let text = "ü: \"a\\\"b\" # c\nq: 'it''s'  # d\nf: {x: [1, 2], y: } # e\np: two\n  lines # f\n";
    let root = parse(text).unwrap().unwrap();
    let spans: Vec<&str> = match &root.kind {
        NodeKind::Mapping { entries, .. } => entries.iter().map(|e| &text[e.value.span.clone()]).collect(),
        _ => Vec::new(),
    };
    assert_eq!(spans, ["\"a\\\"b\"", "'it''s'", "{x: [1, 2], y: }", "two\n  lines"]);
}

#[test]
fn errors_name_the_line_and_the_cure() {
    assert_eq!(message("a:\n\tb: 1\n"), (2, "a tab is used to indent; YAML allows only spaces".to_owned()));
    assert_eq!(
        message("a: 1\nb: 2\na: 3\n"),
        (3, "`a` is given twice (first on line 1); remove one".to_owned())
    );
    assert!(message("a: b: c\n").1.contains("put quotes"));
    assert!(message("a: \"x\n").1.contains("closing quote"));
    assert!(message("a: &x 1\nb: *x\n").1.contains("anchors"));
    assert!(message("a: !!str 1\n").1.contains("tags"));
    assert!(message("a: 1\n---\nb: 2\n").1.contains("second document"));
    assert!(message(&"[".repeat(200)).1.contains("nested"));
}

#[test]
fn block_scalars_keep_to_their_characters() {
    // Found by the fuzzer: columns count characters, not bytes.
    for text in ["Є:\t>\n·", "Є: |\n  ü\n\n   é\nz: 1\n", "Є: >\n"] {
        if let Ok(Some(root)) = parse(text) {
            let NodeKind::Mapping { entries, .. } = &root.kind else { panic!("{text:?}") };
            assert!(entries.iter().all(|entry| text.get(entry.value.span.clone()).is_some()), "{text:?}");
        }
    }
    let text = "Є: |\n  ü\n\n   é\nz: 1\n";
    let root = parse(text).unwrap().unwrap();
    let NodeKind::Mapping { entries, .. } = &root.kind else { panic!("no mapping") };
    assert!(text[entries[0].value.span.clone()].ends_with("é"), "{:?}", &text[entries[0].value.span.clone()]);
}
