//! Which process listens on a port, as far as Linux tells us.

use std::{fs, net::SocketAddr};

/// State `LISTEN` in the kernel's tables.
const LISTEN: &str = "0A";

/// The process that listens on this port; `None` when it can't be told (another user's, or another system).
pub(crate) fn port_owner(address: SocketAddr) -> Option<u32> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| table.lines().find_map(|row| listener(row, address.port())))?;
    let socket = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let mut files = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        files
            .any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == socket.as_str()))
            .then_some(pid)
    })
}

/// The socket's inode, when this row of the table is a listener on `port`.
fn listener(row: &str, port: u16) -> Option<String> {
    let columns: Vec<&str> = row.split_whitespace().collect();
    let local = columns.get(1)?.rsplit(':').next()?;
    let matches = u16::from_str_radix(local, 16) == Ok(port) && columns.get(3) == Some(&LISTEN);
    matches.then(|| columns.get(9).map(|inode| (*inode).to_owned())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn finds_our_own_listener() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(port_owner(listener.local_addr().unwrap()), Some(std::process::id()));
    }
}
