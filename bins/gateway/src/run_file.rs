//! Who runs in a data directory, and where it listens: `gateway.run.json`, there while a gateway runs. It tells the other
//! commands the address when the system chose the port. The lock on the memory is what keeps a second gateway out.

use std::{io, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::home::Home;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its process.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its version.
    pub(crate) version: String,
}

/// Keeps the file while it lives.
#[derive(Debug)]
pub(crate) struct RunFile(PathBuf);

impl RunFile {
    pub(crate) fn write(home: &Home, address: SocketAddr) -> io::Result<Self> {
        let running =
            Running { pid: std::process::id(), address, version: env!("CARGO_PKG_VERSION").to_owned() };
        let path = home.run_file();
        // Renamed into place, so that nobody reads half of it; no sync: it means nothing after a power cut.
        let written = path.with_extension("json.tmp");
        std::fs::write(&written, serde_json::to_vec(&running)?)?;
        std::fs::rename(&written, &path)?;
        Ok(Self(path))
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        // One that stays behind is told from a live one by its process.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The gateway that runs in this data directory, as far as the file and the process table tell.
pub(crate) fn running(home: &Home) -> Option<Running> {
    let running: Running = serde_json::from_slice(&std::fs::read(home.run_file()).ok()?).ok()?;
    alive(running.pid).then_some(running)
}

fn alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| match rustix::process::test_kill_process(pid) {
        Ok(()) => true,
        // Somebody else's process is a process.
        Err(error) => error == rustix::io::Errno::PERM,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_who_runs_while_it_runs() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path().to_owned());
        assert_eq!(running(&home), None);
        let address = "127.0.0.1:7".parse().unwrap();
        let file = RunFile::write(&home, address).unwrap();
        let found = running(&home).unwrap();
        assert_eq!((found.pid, found.address), (std::process::id(), address));
        drop(file);
        assert_eq!(running(&home), None);
    }
}
