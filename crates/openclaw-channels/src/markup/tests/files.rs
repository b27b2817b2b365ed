//! Files taken out of text.

use super::{MAX_FILES, MAX_FILES_BYTES, files};

fn names(markdown: &str) -> (String, Vec<(String, String, usize)>) {
    let (text, files) = files(markdown);
    (text, files.into_iter().map(|file| (file.name, file.mime_type, file.bytes.len())).collect())
}

#[test]
fn images_and_links_become_files() {
    let (text, found) = files(
        "See ![a *red* dot](data:image/png;base64,iVBORw0KGgo=) and\n[data.csv](data:text/csv;base64,YSxi).",
    );
    assert_eq!(text, "See a *red* dot and\ndata.csv.");
    assert_eq!(found[0].name, "a red dot.png");
    assert_eq!(found[0].mime_type, "image/png");
    assert_eq!(found[0].bytes[..], [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a]);
    assert_eq!(
        (&*found[1].name, &*found[1].mime_type, &*found[1].bytes),
        ("data.csv", "text/csv", &b"a,b"[..])
    );
}

#[test]
fn what_is_no_file_stays() {
    for text in [
        "![bad](data:image/png;base64,@@@@)",
        "![empty](data:image/png;base64,)",
        "![plain](data:text/plain,hello)",
        "![odd](data:x y;base64,AAAA)",
        "[link](https://x.y) ![image](https://x.y/z.png)",
        "`![code](data:image/png;base64,AAAA)`",
        "```\n![code](data:image/png;base64,AAAA)\n```",
        "![open](data:image/png;base64,AAAA",
        "",
    ] {
        assert_eq!(names(text), (text.to_owned(), Vec::new()));
    }
}

#[test]
fn names_are_safe() {
    let named = |label: &str| names(&format!("![{label}](data:image/jpeg;base64,AAAA)")).1[0].0.clone();
    assert_eq!(named(""), "file-1.jpg");
    assert_eq!(named("../../etc/passwd"), "_.._etc_passwd.jpg");
    assert_eq!(named("photo.jpeg"), "photo.jpeg");
    assert_eq!(named("v1.0 of it"), "v1.0 of it.jpg");
    assert_eq!(named("漢字"), "漢字.jpg");
    assert!(named(&"x".repeat(1000)).len() < 100);
    assert_eq!(
        names("![x](data:;base64,AAAA)").1[0],
        ("x.bin".to_owned(), "application/octet-stream".to_owned(), 3)
    );
    // Without padding, and in capitals.
    assert_eq!(names("![x](DATA:image/PNG;base64,AA)").1[0], ("x.png".to_owned(), "image/png".to_owned(), 1));
}

#[test]
fn files_are_bounded() {
    let many = "![x](data:image/png;base64,AAAA)\n\n".repeat(MAX_FILES + 2);
    let (text, found) = files(&many);
    assert_eq!(found.len(), MAX_FILES);
    assert_eq!(text.matches("data:").count(), 2);

    let half = "A".repeat((MAX_FILES_BYTES / 2 + 3) / 3 * 4);
    let (text, found) = files(&format!(
        "![a](data:image/png;base64,{half}) ![b](data:image/png;base64,{half}) ![c](data:image/png;base64,AAAA)"
    ));
    assert_eq!(found.iter().map(|file| &*file.name).collect::<Vec<_>>(), ["a.png", "c.png"]);
    assert!(text.starts_with("a ![b](data:") && text.ends_with(") c"));
}
