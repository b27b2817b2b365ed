//! Files that came with a message: images for models that see, the text of what is text, a word about anything else.

use std::fmt::Write as _;

use openclaw_core::{Attachment, AttachmentSource};

use super::{Part, one_line};
use crate::ModelInfo;

/// Media types of images that every seeing model takes.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Media types outside `text/` that are text all the same.
const TEXTS: [&str; 14] = [
    "application/json",
    "application/jsonl",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/csv",
    "application/javascript",
    "application/typescript",
    "application/sql",
    "application/graphql",
    "application/x-sh",
    "application/x-httpd-php",
];
/// Least of a text file that is shown, in bytes, however small the model's window is.
const LEAST_TEXT_FILE: usize = 4 * 1024;

/// The attachment as an image, where it is one and the model sees it.
pub(super) fn image<'a>(attachment: &'a Attachment, model: &ModelInfo) -> Option<Part<'a>> {
    let mime_type = essence(&attachment.mime_type);
    let mime_type = *IMAGES.iter().find(|known| known.eq_ignore_ascii_case(mime_type))?;
    let is_shown = match &attachment.source {
        AttachmentSource::Data(_) => true,
        AttachmentSource::Url(url) => url.starts_with("https://") || url.starts_with("http://"),
    };
    (model.vision && is_shown).then_some(Part::Image { mime_type, source: &attachment.source })
}

/// What a model is given of a file.
pub(crate) enum Shown<'a> {
    /// The picture itself.
    Picture,
    /// So much of its text.
    Text(&'a [u8]),
    /// Its name and nature.
    Name,
}

/// What `model` is given of a file, for those who have to know what it costs.
pub(crate) fn shown<'a>(attachment: &'a Attachment, model: &ModelInfo) -> Shown<'a> {
    match &attachment.source {
        _ if image(attachment, model).is_some() => Shown::Picture,
        AttachmentSource::Data(bytes)
            if is_text(essence(&attachment.mime_type), &one_line(&attachment.name), bytes) =>
        {
            Shown::Text(head(bytes, model))
        }
        AttachmentSource::Data(_) | AttachmentSource::Url(_) => Shown::Name,
    }
}

/// As much of a text file as is shown. A token is two bytes at the very least on average, so a file never takes more than
/// half of the window.
fn head<'a>(bytes: &'a [u8], model: &ModelInfo) -> &'a [u8] {
    let most = LEAST_TEXT_FILE.max(model.context_window as usize);
    bytes.get(..most).unwrap_or(bytes)
}

/// Tells of a file in words: its text when it is text, its name and nature otherwise.
pub(super) fn describe(attachment: &Attachment, model: &ModelInfo, notes: &mut String) {
    if !notes.is_empty() {
        notes.push_str("\n\n");
    }
    let (name, mime_type) = (one_line(&attachment.name), one_line(essence(&attachment.mime_type)));
    let _ = match &attachment.source {
        AttachmentSource::Data(bytes) if is_text(&mime_type, &name, bytes) => {
            let shown = head(bytes, model);
            let text = String::from_utf8_lossy(shown);
            let text = if shown.len() < bytes.len() { text.trim_end_matches('\u{fffd}') } else { &text };
            let fence = fence(text);
            let _ = write!(notes, "Attached file `{name}` ({mime_type}):\n{fence}\n{text}");
            let _ = if text.ends_with('\n') { Ok(()) } else { notes.write_char('\n') };
            let _ = notes.write_str(&fence);
            if shown.len() < bytes.len() {
                write!(notes, "\n[Only the first {} of {} bytes are shown]", shown.len(), bytes.len())
            } else {
                Ok(())
            }
        }
        AttachmentSource::Data(bytes) => write!(
            notes,
            "[Attached file `{name}` ({mime_type}, {} bytes): its content can't be shown to you]",
            bytes.len()
        ),
        AttachmentSource::Url(url) => {
            write!(
                notes,
                "[Attached file `{name}` ({mime_type}) at {}: its content is not shown to you]",
                one_line_url(url)
            )
        }
    };
}

fn one_line_url(url: &str) -> String {
    url.chars().filter(|c| !c.is_control() && !c.is_whitespace()).take(2048).collect()
}

/// A media type without its parameters.
fn essence(mime_type: &str) -> &str {
    mime_type.split(';').next().unwrap_or_default().trim()
}

fn is_text(mime_type: &str, name: &str, bytes: &[u8]) -> bool {
    let mime_type = mime_type.to_ascii_lowercase();
    if mime_type.starts_with("text/")
        || TEXTS.contains(&mime_type.as_str())
        || mime_type.ends_with("+json")
        || mime_type.ends_with("+xml")
        || mime_type.ends_with("+yaml")
    {
        return true;
    }
    // Browsers send source code and Markdown as this.
    let is_unknown = mime_type.is_empty() || mime_type == "application/octet-stream";
    is_unknown
        && name.contains('.')
        && !bytes.is_empty()
        && std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'))
}

/// A fence that no run of backticks in `text` can end.
fn fence(text: &str) -> String {
    let (mut longest, mut run) = (2, 0);
    for byte in text.bytes() {
        run = if byte == b'`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(longest + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bytes::Bytes;
    use openclaw_core::{Message, Role};

    use super::{
        super::{
            parts, plain_text,
            tests::{model, text},
        },
        *,
    };

    fn file(name: &str, mime_type: &str, bytes: &[u8]) -> Attachment {
        let source = AttachmentSource::Data(Bytes::copy_from_slice(bytes));
        Attachment { name: name.into(), mime_type: mime_type.into(), source }
    }

    fn with(attachments: Vec<Attachment>) -> Message {
        let mut message = text(Role::User, "look");
        message.metadata.attachments = attachments;
        message
    }

    #[test]
    fn images_go_to_models_that_see_and_are_named_to_others() {
        let message = with(vec![file("cat.png", "image/png", b"\x89PNG")]);
        let parts = parts(&message, &model(true), &HashSet::new());
        assert!(matches!(parts[0], Part::Image { mime_type: "image/png", .. }), "{parts:?}");
        let told = plain_text(&message, &model(false));
        assert_eq!(
            told,
            "look\n\n[Attached file `cat.png` (image/png, 4 bytes): its content can't be shown to you]"
        );
    }

    #[test]
    fn text_files_come_fenced_with_their_name() {
        for (name, mime_type) in [
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.rs", "application/octet-stream"),
        ] {
            let told = plain_text(&with(vec![file(name, mime_type, b"x ``` y")]), &model(true));
            let mime_type = essence(mime_type);
            assert_eq!(told, format!("look\n\nAttached file `{name}` ({mime_type}):\n````\nx ``` y\n````"));
        }
    }

    #[test]
    fn anything_else_is_named() {
        for (name, mime_type, bytes) in [
            ("a.pdf", "application/pdf", b"%PDF".as_slice()),
            ("a.bin", "application/octet-stream", b"\xff\xfe\x00"),
        ] {
            let told = plain_text(&with(vec![file(name, mime_type, bytes)]), &model(true));
            assert!(told.contains(name) && told.contains("can't be shown"), "{told}");
        }
        let source = AttachmentSource::Url("https://x.example/a.txt".into());
        let linked = Attachment { name: "a.txt".into(), mime_type: "text/plain".into(), source };
        assert!(plain_text(&with(vec![linked]), &model(true)).contains("https://x.example/a.txt"));
    }

    #[test]
    fn a_text_file_leaves_room_in_the_window_and_says_so() {
        let told =
            plain_text(&with(vec![file("a.txt", "text/plain", &b"\xc3\xa9".repeat(10_000))]), &model(true));
        assert!(told.ends_with("[Only the first 8192 of 20000 bytes are shown]"), "{}", told.len());
        assert!(told.len() < 8400 && !told.contains('\u{fffd}'));
    }
}
