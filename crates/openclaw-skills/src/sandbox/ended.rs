//! How a sandbox ended, and the exit codes by which init says so.

/// It had more memory than its bound.
pub(super) const MEMORY: u8 = 240;
/// It had more processes than its bound.
pub(super) const PROCESSES: u8 = 241;
/// Its time was over.
pub(super) const TIME: u8 = 242;
/// The sandbox could not be made; why is on standard error.
pub(super) const NO_SANDBOX: u8 = 243;
/// The skill's program could not be started; why is on standard error.
pub(super) const NO_PROGRAM: u8 = 244;
/// What a skill's own exit code becomes that is one of ours: a skill can't pass itself off as init.
pub(super) const FORGED: u8 = 1;

/// What init writes to standard output and standard error behind everything else, with the exit code between: its own end, and that of the
/// engine's commands around it, take longer than most calls. A skill that writes it itself tells a lie about nobody but itself.
const LAST_WORDS: (&[u8], &[u8]) = (b"\0openclaw-ended:", b"\0");

/// How long init's last words are.
pub(crate) const LAST_WORDS_BYTES: usize = LAST_WORDS.0.len() + 3 + LAST_WORDS.1.len();

/// Init's last words.
pub(super) fn last_words(code: u8) -> Vec<u8> {
    let (head, tail) = LAST_WORDS;
    [head, format!("{code:03}").as_bytes(), tail].concat()
}

/// Whether `said` ends with init's last words: what stands before them, and how the skill ended.
pub(crate) fn hear(said: &[u8]) -> Option<(&[u8], Ended)> {
    let (head, tail) = LAST_WORDS;
    let rest = said.strip_suffix(tail)?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(3)?)?;
    let before = rest.strip_suffix(head)?;
    let code = std::str::from_utf8(digits).ok()?.parse::<u8>().ok()?;
    Some((before, Ended::of_code(Some(code.into()))))
}

/// How the skill's program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this exit code.
    Exited(u8),
    /// By this signal.
    Signalled(u8),
    /// It had more memory than its bound.
    Memory,
    /// It had more processes than its bound.
    Processes,
    /// Its time was over.
    Time,
    /// The sandbox could not be made.
    NoSandbox,
    /// Its program could not be started.
    NoProgram,
    /// The gateway ended it.
    Killed,
}

impl Ended {
    /// Reads init's exit code; `None`: a signal ended init.
    pub(crate) fn of_code(code: Option<i32>) -> Self {
        match code.and_then(|code| u8::try_from(code).ok()) {
            None => Self::Killed,
            Some(MEMORY) => Self::Memory,
            Some(PROCESSES) => Self::Processes,
            Some(TIME) => Self::Time,
            Some(NO_SANDBOX) => Self::NoSandbox,
            Some(NO_PROGRAM) => Self::NoProgram,
            // Init itself ends by no signal, so these are the skill's, told as shells tell them.
            Some(code @ 129..=192) => Self::Signalled(code - 128),
            Some(code) => Self::Exited(code),
        }
    }
}

/// The exit code by which init tells of a skill's.
pub(super) fn told(code: Option<i32>, signal: Option<i32>) -> u8 {
    let code = code.or_else(|| signal.map(|signal| 128 + signal)).and_then(|code| u8::try_from(code).ok());
    match code {
        Some(MEMORY..=NO_PROGRAM) | None => FORGED,
        Some(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_how_it_ended() {
        assert_eq!(Ended::of_code(Some(told(Some(0), None).into())), Ended::Exited(0));
        assert_eq!(Ended::of_code(Some(told(Some(7), None).into())), Ended::Exited(7));
        assert_eq!(Ended::of_code(Some(told(None, Some(9)).into())), Ended::Signalled(9));
        assert_eq!(Ended::of_code(Some(MEMORY.into())), Ended::Memory);
        assert_eq!(Ended::of_code(None), Ended::Killed);
    }

    #[test]
    fn last_words_are_heard_at_the_end_only() {
        let mut said = b"a complaint".to_vec();
        said.extend(last_words(7));
        assert_eq!(hear(&said), Some((&b"a complaint"[..], Ended::Exited(7))));
        assert_eq!(hear(&last_words(MEMORY)), Some((&b""[..], Ended::Memory)));
        said.push(b'\n');
        for other in [&said[..], b"", b"\0", b"007\0", b"\0openclaw-ended:x07\0"] {
            assert_eq!(hear(other), None);
        }
    }

    #[test]
    fn a_skill_cannot_pass_itself_off_as_init() {
        for code in 240..=244 {
            assert_eq!(Ended::of_code(Some(told(Some(code), None).into())), Ended::Exited(1));
        }
    }
}
