//! A workspace's notes: `MEMORY.md`, what is to be kept, and `memory/*.md`, what was noted day by day. Each list item and each
//! paragraph becomes an entry; the headings above it become tags.

use openclaw_core::{ForeignNote, MemoryKind, NewMemory, Timestamp, limits};
use openclaw_http::exchange::Line;

use super::{Item, pieces::split};

/// How much a line of `MEMORY.md` matters, and one of a daily note.
const KEPT: f32 = 0.7;
const NOTED: f32 = 0.4;
/// Words in a heading that say that what follows are preferences, in the languages of our users.
const PREFERENCES: [&str; 7] = ["preference", "likes", "偏好", "喜好", "선호", "취향", "好み"];

/// The entries of one file. They were noted on the day that its name begins with, or when it was last changed.
pub(super) fn items(name: &str, text: &str, modified: Option<Timestamp>) -> Vec<Item> {
    let date = date_of(name);
    let mut reader = Reader {
        date,
        noted_at: date.and_then(noon).or(modified),
        importance: if date.is_some() { NOTED } else { KEPT },
        headings: Vec::new(),
        block: String::new(),
        block_line: 0,
        items: Vec::new(),
    };
    reader.read(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.items
}

/// The day that a file's name begins with.
fn date_of(name: &str) -> Option<&str> {
    let file = name.rsplit('/').next()?;
    let day = file.get(..10)?;
    let digits = |part: &str, len: usize| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = day.split('-');
    let (year, month, date) = (parts.next()?, parts.next()?, parts.next()?);
    (digits(year, 4) && digits(month, 2) && digits(date, 2)).then_some(day)
}

/// Noon in UTC, which is on that day for nearly everybody.
fn noon(day: &str) -> Option<Timestamp> {
    format!("{day}T12:00:00Z").parse().ok()
}

struct Reader<'a> {
    date: Option<&'a str>,
    noted_at: Option<Timestamp>,
    importance: f32,
    /// The headings above, with their levels.
    headings: Vec<(usize, String)>,
    block: String,
    block_line: u64,
    items: Vec<Item>,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) {
        let mut lines = (1..).zip(text.lines()).peekable();
        if lines.next_if(|(_, line)| line.trim_end() == "---").is_some() {
            // Front matter tells of the file, not of the user.
            for (_, line) in lines.by_ref() {
                if line.trim_end() == "---" {
                    break;
                }
            }
        }
        let (mut fence, mut comment) = (None, false);
        for (number, line) in lines {
            let bare = line.trim();
            if let Some(mark) = fence {
                self.add(line, number);
                if bare.starts_with(mark) {
                    fence = None;
                }
            } else if comment || bare.starts_with("<!--") {
                comment = !bare.contains("-->");
            } else if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark)) {
                fence = Some(mark);
                self.add(line, number);
            } else if let Some((level, heading)) = heading(line) {
                self.flush();
                self.headings.retain(|(above, _)| *above < level);
                self.headings.push((level, heading));
            } else if bare.is_empty() || is_rule(bare) {
                self.flush();
            } else if starts_item(line) {
                self.flush();
                self.add(bare, number);
            } else {
                self.add(line, number);
            }
        }
        self.flush();
    }

    fn add(&mut self, line: &str, number: u64) {
        if self.block.is_empty() {
            self.block_line = number;
        } else {
            self.block.push('\n');
        }
        self.block.push_str(line.trim_end());
    }

    /// Ends a block.
    fn flush(&mut self) {
        let block = std::mem::take(&mut self.block);
        let (text, state) = item_text(block.trim());
        // An empty item, a rule: nothing is said by it.
        if !text.contains(char::is_alphanumeric) {
            return;
        }
        let prefers = self.headings.iter().any(|(_, heading)| {
            let heading = heading.to_lowercase();
            PREFERENCES.iter().any(|word| heading.contains(word))
        });
        let kind = match state {
            State::Open => MemoryKind::Task,
            _ if prefers => MemoryKind::Preference,
            _ => MemoryKind::Fact,
        };
        let mut tags: Vec<String> = self.headings.iter().filter_map(|(_, heading)| tag(heading)).collect();
        tags.extend(self.date.map(str::to_owned));
        tags.extend((state == State::Done).then(|| "done".to_owned()));
        tags.dedup();
        let skipped = tags.len().saturating_sub(limits::MEMORY_TAGS);
        let tags = tags.split_off(skipped);
        for piece in split(text, limits::MEMORY_BYTES).filter(|piece| !piece.trim().is_empty()) {
            self.items.push(Item {
                line: Line::Memory(ForeignNote {
                    memory: NewMemory {
                        kind,
                        content: piece.to_owned(),
                        importance: self.importance,
                        tags: tags.clone(),
                        expires_at: None,
                        conversation: None,
                        sources: Vec::new(),
                        supersedes: None,
                    },
                    noted_at: self.noted_at,
                }),
                at: self.block_line,
            });
        }
    }
}

/// Whether a list item is a task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Open,
    Done,
}

/// The text of a list item without its mark, or of a paragraph as it is.
fn item_text(block: &str) -> (&str, State) {
    let Some(rest) = after_mark(block) else { return (block, State::Plain) };
    for (mark, state) in [("[ ]", State::Open), ("[x]", State::Done), ("[X]", State::Done)] {
        if let Some(rest) = rest.strip_prefix(mark) {
            return (rest.trim(), state);
        }
    }
    (rest.trim(), State::Plain)
}

/// What follows the mark of a list item.
fn after_mark(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = if (1..10).contains(&digits) {
        line[digits..].strip_prefix(['.', ')'])?
    } else {
        line.strip_prefix(['-', '*', '+'])?
    };
    rest.strip_prefix([' ', '\t']).map(str::trim_start)
}

/// Whether a line begins an item of the outermost list; deeper ones belong to the one above them.
fn starts_item(line: &str) -> bool {
    let indent = line.len() - line.trim_start().len();
    indent < 2 && after_mark(line.trim_start()).is_some()
}

fn is_rule(bare: &str) -> bool {
    let mark = bare.chars().next().filter(|mark| "-*_".contains(*mark));
    mark.is_some_and(|mark| bare.len() >= 3 && bare.chars().all(|c| c == mark))
}

fn heading(line: &str) -> Option<(usize, String)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    if !(1..=6).contains(&level) {
        return None;
    }
    let text = line[level..].strip_prefix([' ', '\t'])?.trim().trim_end_matches('#').trim();
    Some((level, text.to_owned()))
}

/// A heading as a tag: without emphasis, and as long as a tag may be.
fn tag(heading: &str) -> Option<String> {
    let plain: String = heading.chars().filter(|c| !c.is_control() && !"*`_[]".contains(*c)).collect();
    let plain = plain.trim();
    let end = plain.floor_char_boundary(limits::MEMORY_TAG_BYTES);
    Some(plain[..end].trim().to_owned()).filter(|tag| !tag.is_empty())
}
