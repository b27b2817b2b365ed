//! Who holds the data directory, asked before anything in it is touched.

use std::{fs::OpenOptions, io::Read as _};

use rustix::fs::{FlockOperation, flock};

use crate::{
    exit::{Exit, Stop},
    home::Home,
};

/// Refuses to go on when another gateway holds the data directory. What holds it is the lock on the memory, which is taken
/// for good a moment later; this look keeps a second gateway from writing into the first one's log.
pub(super) fn refuse_second(home: &Home) -> Result<(), Stop> {
    let path = home.memory().join("lock");
    // Without a lock file nobody has ever run here; one that can't be read is told when the memory opens.
    let Ok(mut file) = OpenOptions::new().read(true).open(&path) else { return Ok(()) };
    // Shared, so that two gateways that look at the same time don't see each other.
    if flock(&file, FlockOperation::NonBlockingLockShared) != Err(rustix::io::Errno::WOULDBLOCK) {
        return Ok(());
    }
    let mut text = String::new();
    let pid =
        file.by_ref().take(32).read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u32>().ok());
    let who = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    Err(Stop::new(
        Exit::InUse,
        format!(
            "another gateway{who} holds {}; stop it, or take another directory with --home",
            home.root().display()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_held_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path().to_owned());
        assert!(refuse_second(&home).is_ok());
        std::fs::create_dir(home.memory()).unwrap();
        std::fs::write(home.memory().join("lock"), "4711\n").unwrap();
        assert!(refuse_second(&home).is_ok(), "a dead owner holds nobody up");
        let held = OpenOptions::new().read(true).write(true).open(home.memory().join("lock")).unwrap();
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        let stop = refuse_second(&home).unwrap_err();
        assert!(stop.message.contains("4711") && stop.message.contains("--home"), "{}", stop.message);
    }
}
