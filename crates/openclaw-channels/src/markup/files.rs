//! Files that an answer carries in its text, as `data:` targets.

use std::ops::Range;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::{doc::OPTIONS, guard::tame};
use crate::message::OutFile;

/// At most so many files are taken out of a text; further ones stay in it.
pub const MAX_FILES: usize = 10;

/// At most so many bytes are taken out of a text, all files together.
pub const MAX_FILES_BYTES: usize = 20 << 20;

/// Takes `![label](data:image/png;base64,…)` and `[label](data:…)` out of Markdown: the labels stay as text.
///
/// What is not valid base64, or over [`MAX_FILES`] or [`MAX_FILES_BYTES`], stays as it was.
pub fn files(markdown: &str) -> (String, Vec<OutFile>) {
    let source = tame(markdown);
    let mut found =
        Found { source: &source, text: String::new(), done: 0, files: Vec::new(), room: MAX_FILES_BYTES };
    let mut open: Option<Link> = None;
    let mut depth = 0;
    for (event, range) in Parser::new_ext(&source, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                depth += 1;
                if depth == 1 {
                    open = Some(Link {
                        range,
                        target: dest_url.into_string(),
                        label: None,
                        name: String::new(),
                    });
                }
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                depth -= 1;
                if let Some(link) = open.take_if(|_| depth == 0) {
                    found.take(link);
                }
            }
            event => {
                if let Some(link) = &mut open {
                    link.inside(&event, range);
                }
            }
        }
    }
    found.text.push_str(source.get(found.done..).unwrap_or(""));
    (found.text, found.files)
}

struct Link {
    range: Range<usize>,
    target: String,
    label: Option<Range<usize>>,
    name: String,
}

impl Link {
    fn inside(&mut self, event: &Event<'_>, range: Range<usize>) {
        if let Event::Text(text) | Event::Code(text) = event {
            self.name.push_str(text);
        }
        let label = self.label.get_or_insert(range.clone());
        label.end = label.end.max(range.end);
    }
}

struct Found<'a> {
    source: &'a str,
    text: String,
    /// How much of the source is dealt with.
    done: usize,
    files: Vec<OutFile>,
    room: usize,
}

impl Found<'_> {
    fn take(&mut self, link: Link) {
        if self.files.len() == MAX_FILES {
            return;
        }
        let Some((mime_type, bytes)) = decode(&link.target, self.room) else { return };
        self.room -= bytes.len();
        let name = file_name(&link.name, &mime_type, self.files.len() + 1);
        self.files.push(OutFile { name, mime_type, bytes: bytes.into() });
        self.text.push_str(self.source.get(self.done..link.range.start).unwrap_or(""));
        self.text.push_str(link.label.and_then(|label| self.source.get(label)).unwrap_or(""));
        self.done = link.range.end;
    }
}

/// The type and bytes of a `data:` target; none if it is not one, or larger than `room`.
fn decode(target: &str, room: usize) -> Option<(String, Vec<u8>)> {
    let (scheme, rest) = target.split_once(':')?;
    let (kind, data) = rest.split_once(',')?;
    let kind = kind.strip_suffix(";base64")?;
    if !scheme.eq_ignore_ascii_case("data") || data.len() / 4 > room / 3 + 1 {
        return None;
    }
    let kind = kind.split(';').next().unwrap_or("").to_ascii_lowercase();
    let is_type = |char: char| char.is_ascii_alphanumeric() || "/+.-".contains(char);
    let mime_type = if kind.is_empty() { "application/octet-stream".to_owned() } else { kind };
    if !mime_type.contains('/') || !mime_type.chars().all(is_type) || mime_type.len() > 100 {
        return None;
    }
    let bytes = LENIENT.decode(data).ok().filter(|bytes| !bytes.is_empty() && bytes.len() <= room)?;
    Some((mime_type, bytes))
}

/// With or without padding: models forget it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A name that any platform and file system takes.
fn file_name(label: &str, mime_type: &str, number: usize) -> String {
    let plain = |char: char| if char.is_control() || "/\\:*?\"<>|".contains(char) { '_' } else { char };
    let name: String = label.trim().chars().map(plain).take(80).collect();
    let name = name.trim_matches(['.', ' ']);
    let name = if name.is_empty() { format!("file-{number}") } else { name.to_owned() };
    let has_extension = name.rsplit_once('.').is_some_and(|(_, end)| {
        (1..=5).contains(&end.len()) && end.chars().all(|char| char.is_ascii_alphanumeric())
    });
    if has_extension { name } else { format!("{name}.{}", extension(mime_type)) }
}

fn extension(mime_type: &str) -> &str {
    match mime_type {
        "image/jpeg" => "jpg",
        "image/svg+xml" => "svg",
        "audio/mpeg" => "mp3",
        "text/plain" => "txt",
        "text/markdown" => "md",
        "application/octet-stream" => "bin",
        other => other.rsplit('/').next().filter(|end| end.len() <= 5 && !end.contains('.')).unwrap_or("bin"),
    }
}
