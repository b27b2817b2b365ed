//! What a path holds, told by its content, and its lines one after another.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use openclaw_core::Timestamp;
use openclaw_http::exchange::read_line;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{
    CONVERSATION_BYTES, ImportError, Item, LINE_BYTES, MARKDOWN_BYTES, Place, STANDARD,
    archive::archive,
    chatgpt, claude,
    detect::{Begins, begins},
    elements::{CutError, Elements},
    markdown,
};

const BUFFER: usize = 256 * 1024;
/// Most files of a workspace.
const NOTES: usize = 10_000;

/// The formats, as they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Lines,
    Conversations,
    Markdown,
}

impl Format {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Lines => "JSON Lines",
            Self::Conversations => "an export of conversations",
            Self::Markdown => "Markdown notes",
        }
    }
}

/// One file to read, or one of an archive.
pub(crate) struct Source {
    /// As messages name it.
    pub(crate) name: String,
    pub(crate) format: Format,
    /// Bytes that there are to read.
    pub(crate) bytes: u64,
    /// Bytes read so far.
    read: Arc<AtomicU64>,
    content: Content,
    /// When the file was last changed.
    modified: Option<Timestamp>,
    /// Read and not yet given out.
    waiting: VecDeque<Item>,
    ended: bool,
}

enum Content {
    Lines(Lines),
    Conversations(Elements<Box<dyn BufRead>>),
    Markdown(Box<dyn BufRead>),
}

/// What the path holds: one source for a file, several for an archive or a workspace.
pub(crate) fn open(path: &Path) -> Result<Vec<Source>, ImportError> {
    if path.as_os_str() == STANDARD {
        let name = "standard input";
        return Ok(vec![Source::new(name.to_owned(), 0, Box::new(io::stdin()), Path::new(name))?]);
    }
    let metadata = std::fs::metadata(path).map_err(ImportError::io(path))?;
    if metadata.is_dir() {
        return directory(path);
    }
    let mut file = File::open(path).map_err(ImportError::io(path))?;
    let mut head = Vec::new();
    file.by_ref().take(4).read_to_end(&mut head).map_err(ImportError::io(path))?;
    file.seek(SeekFrom::Start(0)).map_err(ImportError::io(path))?;
    if head.starts_with(b"PK") {
        return archive(path, file);
    }
    let name = path.display().to_string();
    let source = Source::new(name, metadata.len(), Box::new(file), path)?;
    let modified = metadata.modified().ok().map(Timestamp::from);
    Ok(vec![Source { modified, ..source }])
}

/// The sources of a workspace, or the export that was unpacked here.
fn directory(path: &Path) -> Result<Vec<Source>, ImportError> {
    let unpacked = path.join("conversations.json");
    if unpacked.is_file() {
        return open(&unpacked);
    }
    // On a file system without cases both are the same file.
    let kept = ["MEMORY.md", "memory.md"].map(|name| path.join(name)).into_iter().find(|path| path.is_file());
    let mut notes = Vec::from_iter(kept);
    // Either the workspace itself or its folder of notes.
    let folder = path.join("memory");
    let folder = if folder.is_dir() { folder } else { path.to_owned() };
    let mut daily = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(ImportError::io(&folder))?.take(NOTES) {
        let path = entry.map_err(ImportError::io(&folder))?.path();
        if path.is_file()
            && path.extension().is_some_and(|extension| extension == "md")
            && !notes.contains(&path)
        {
            daily.push(path);
        }
    }
    daily.sort();
    notes.append(&mut daily);
    if notes.is_empty() {
        let what = "a directory must hold MEMORY.md, memory/*.md or conversations.json".to_owned();
        return Err(ImportError::Unknown { path: path.to_owned(), what });
    }
    let mut sources = Vec::new();
    for path in &notes {
        sources.append(&mut open(path)?);
    }
    Ok(sources)
}

/// The lines of bytes that are here already.
pub(super) fn read_bytes(name: &str, bytes: &[u8]) -> impl Iterator<Item = Result<Item, ImportError>> {
    let reader: Box<dyn Read> = Box::new(Cursor::new(bytes.to_vec()));
    let (mut source, mut failed) =
        match Source::new(name.to_owned(), bytes.len() as u64, reader, Path::new(name)) {
            Ok(source) => (Some(source), None),
            Err(error) => (None, Some(error)),
        };
    std::iter::from_fn(move || failed.take().map(Err).or_else(|| source.as_mut()?.next().transpose()))
}

impl Source {
    pub(super) fn new(
        name: String,
        bytes: u64,
        reader: Box<dyn Read>,
        path: &Path,
    ) -> Result<Self, ImportError> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted { reader, read: Arc::clone(&read) };
        let mut reader: Box<dyn BufRead> = Box::new(BufReader::with_capacity(BUFFER, counted));
        let begins = begins(&mut reader).map_err(ImportError::io(path))?;
        let is_markdown = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"));
        let conversations = |reader| Content::Conversations(Elements::new(reader, CONVERSATION_BYTES));
        let (format, content) = match begins {
            _ if is_markdown => (Format::Markdown, Content::Markdown(reader)),
            Begins::Array | Begins::Object => (Format::Conversations, conversations(reader)),
            Begins::Line | Begins::Nothing => (Format::Lines, Content::Lines(Lines { reader, line: 0 })),
            Begins::Other => {
                let what =
                    "it is neither JSON Lines, an export of ChatGPT or Claude, nor Markdown".to_owned();
                return Err(ImportError::Unknown { path: path.to_owned(), what });
            }
        };
        let waiting = VecDeque::new();
        Ok(Self { name, format, bytes, read, content, modified: None, waiting, ended: false })
    }

    /// Bytes read so far.
    pub(crate) fn done(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Where a line of this source stands.
    pub(crate) fn place(&self, line: u64) -> Place {
        Place { file: self.name.clone(), line }
    }

    /// The next line of the exchange format; `None` at the end. After an error there is no next one.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, ImportError> {
        while self.waiting.is_empty() && !self.ended {
            let more = self.more();
            self.ended = !matches!(more, Ok(true));
            more?;
        }
        Ok(self.waiting.pop_front())
    }

    /// Reads on until something waits, or to the end (false).
    fn more(&mut self) -> Result<bool, ImportError> {
        let io = |source| ImportError::Io { path: PathBuf::from(&self.name), source };
        let wrong = |line, what| ImportError::Wrong { place: Place { file: self.name.clone(), line }, what };
        match &mut self.content {
            Content::Lines(lines) => {
                let Some(line) = lines.next().map_err(|error| match error {
                    CutError::Io(error) => io(error),
                    CutError::Wrong { line, what } => wrong(line, what),
                })?
                else {
                    return Ok(false);
                };
                let at = lines.line;
                let line = read_line(&line).map_err(|failure| wrong(at, failure.message))?;
                self.waiting.push_back(Item { line, at });
            }
            Content::Conversations(elements) => {
                let Some(element) = elements.next().map_err(|error| match error {
                    CutError::Io(error) => io(error),
                    CutError::Wrong { line, what } => wrong(line, what),
                })?
                else {
                    return Ok(false);
                };
                let items = element_items(&element.bytes, element.line);
                self.waiting.extend(items.map_err(|what| wrong(element.line, what))?);
            }
            Content::Markdown(reader) => {
                let mut text = String::new();
                let read = reader.take(MARKDOWN_BYTES + 1).read_to_string(&mut text).map_err(io)?;
                if read as u64 > MARKDOWN_BYTES {
                    let most = MARKDOWN_BYTES / (1024 * 1024);
                    return Err(wrong(1, format!("the file is over the bound of {most} MiB")));
                }
                self.waiting.extend(markdown::items(&self.name, &text, self.modified));
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Counts what passes.
struct Counted {
    reader: Box<dyn Read>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// JSON Lines, one after another.
struct Lines {
    reader: Box<dyn BufRead>,
    /// The number of the line that was given out last.
    line: u64,
}

impl Lines {
    /// The next line that is not empty.
    fn next(&mut self) -> Result<Option<Vec<u8>>, CutError> {
        loop {
            let mut line = Vec::new();
            // And its end, and one byte that is too many.
            let most = LINE_BYTES as u64 + 3;
            if self.reader.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if line.trim_ascii_end().len() > LINE_BYTES {
                let what = format!("the line is over the bound of {} MiB", LINE_BYTES / (1024 * 1024));
                return Err(CutError::Wrong { line: self.line, what });
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

/// What one element of an array says.
fn element_items(bytes: &[u8], line: u64) -> Result<Vec<Item>, String> {
    let keys: Keys = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    if keys.mapping.is_some() {
        let read: chatgpt::Conversation = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
        return read.items(line);
    }
    if keys.chat_messages.is_some() {
        let read: claude::Conversation = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
        return read.items(line);
    }
    if keys.role.is_some() || keys.kind.is_some() {
        let read = read_line(bytes).map_err(|failure| failure.message)?;
        return Ok(vec![Item { line: read, at: line }]);
    }
    Err("this is no conversation of ChatGPT (`mapping`) or Claude (`chat_messages`), and no message"
        .to_owned())
}

/// What tells the formats apart.
#[derive(serde::Deserialize)]
struct Keys {
    #[serde(default)]
    mapping: Option<IgnoredAny>,
    #[serde(default)]
    chat_messages: Option<IgnoredAny>,
    #[serde(default)]
    role: Option<Value>,
    #[serde(default)]
    kind: Option<Value>,
}

fn not_json(error: &serde_json::Error) -> String {
    // Lines and columns of the error count from the beginning of the conversation.
    let text = error.to_string();
    format!("a conversation can't be read: {}", text.split(" at line ").next().unwrap_or_default())
}
