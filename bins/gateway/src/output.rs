//! Printing. A reader that goes away (`gateway config show | head`) ends the output, not the program.

use std::io::{self, IsTerminal as _, Write as _};

use crate::exit::{Exit, Stop};

/// Prints to standard output.
pub(crate) fn print(text: &str) {
    // What matters more than its reader goes on; a command whose output is all there is to it uses `deliver`.
    let _ = write(text);
}

/// Prints what a command was asked for. A full disk behind it is an error.
pub(crate) fn deliver(text: &str) -> Result<(), Stop> {
    match write(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop::new(Exit::Failure, format!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}

/// Prints a line to standard output.
pub(crate) fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// Prints a line to standard error.
pub(crate) fn complain(text: &str) {
    // Nowhere is left to complain about this.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a person reads standard output.
pub(crate) fn on_terminal() -> bool {
    io::stdout().is_terminal()
}

/// A text from outside as it is safe on a terminal: line breaks and tabs stay, other control characters don't.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}
