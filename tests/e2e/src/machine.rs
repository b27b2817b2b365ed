//! What a test asks of the machine it runs on.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write as _},
    process::Stdio,
};

use rustix::{
    fs::{Mode, OFlags},
    process::{Resource, getrlimit, setrlimit},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// Lets this process, and the gateways that it starts from now on, keep so many files open.
///
/// # Panics
/// When the machine does not allow that.
pub fn allow_open_files(count: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        limit.current = Some(count);
        setrlimit(Resource::Nofile, limit)
            .unwrap_or_else(|error| panic!("{count} open files are not allowed: {error}; {limit:?}"));
    }
}

/// A terminal that nobody sits at.
pub struct Terminal {
    ours: BufReader<File>,
    theirs: File,
}

impl Terminal {
    /// A fresh one.
    #[must_use]
    pub fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        // Without NOCTTY it could become the terminal that controls the tests.
        let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        Self { ours: BufReader::new(File::from(ours)), theirs: File::from(theirs) }
    }

    /// It as a stream of a program.
    #[must_use]
    pub fn stream(&self) -> Stdio {
        self.theirs.try_clone().unwrap().into()
    }

    /// Types a line.
    pub fn enter(&self, line: &str) {
        let mut keyboard = self.ours.get_ref();
        keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What is written to it: once we have closed our copy of the programs' side, up to their end.
    #[must_use]
    pub fn read(self) -> impl BufRead + Send + 'static {
        self.ours
    }
}
