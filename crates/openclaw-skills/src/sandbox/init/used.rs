//! What a sandbox uses: the memory and the processes of all that runs in it, as process 1 sees them in /proc.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    os::unix::fs::FileExt as _,
    thread::sleep,
    time::Duration,
};

use rustix::fs::statvfs;

use super::{InitError, Try};
use crate::sandbox::plan::Bounds;

/// File systems of the sandbox that are kept in memory.
const IN_MEMORY: [&str; 3] = ["/tmp", "/work", "/dev/shm"];
/// How much of the table of file locks is read, and more than any skill has to say in it: a lock is a line of some 50 bytes.
const LOCKS: usize = 64 * 1024;
/// What a file costs the kernel, however short it is.
const INODE_BYTES: u64 = 2048;
/// What a socket may hold at most of data on its way: `net.core.wmem_default`, which the filter lets nobody raise.
const SOCKET_BYTES: u64 = 208 * 1024;
/// What all may watch with epoll: the kernel counts watches for a user, and the gateway needs some too.
const WATCHES: usize = 65_536;
/// Looks that must all find too much memory before the sandbox is ended for it, and the pause between them: between fork and exec, a process
/// counts the pages of its parent once more.
const CONFIRM: (u32, Duration) = (3, Duration::from_millis(4));
/// Looks that could not be exact because processes came or went, before that counts as too much: whoever forks all the time is not let off.
const UNCLEAR: u32 = 25;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) memory: u64,
    pub(super) processes: u64,
}

/// Whether anything can be seen at all. Without it nothing bounds the memory of all processes together: then there is no sandbox.
pub(super) fn check() -> Result<(), InitError> {
    let seen = fs::read_to_string("/proc/1/status").and_then(|text| match text.contains("VmPTE:") {
        true => Ok(()),
        false => Err(io::ErrorKind::InvalidData.into()),
    });
    seen.or_cannot(
        "see its own processes in /proc, and so bound their memory together (in a container that hides parts of its /proc, the kernel shows none \
         to a sandbox: let the outer container see all of it, with podman's `--security-opt unmask=ALL` or docker's \
         `--security-opt systempaths=unconfined`, or run the gateway outside)",
    )
}

/// What all processes but this one have, the files in memory, and what sockets may hold. Pages that processes share are counted for each.
pub(super) fn look() -> io::Result<Used> {
    let mut used = Used { memory: files() + sockets() * SOCKET_BYTES, processes: 0 };
    for pid in pids()? {
        // Gone meanwhile, perhaps.
        let Ok((_, status)) = status(pid) else { continue };
        used.processes += field(&status, "Threads:").unwrap_or(1);
        used.memory += rough(&status);
    }
    Ok(used)
}

/// Whether there is more memory than the bound even if what is shared is counted once. Slow; for when [`look`] has found too much.
pub(super) fn has_too_much(bounds: &Bounds) -> bool {
    let (mut over, mut unclear) = (0, 0);
    while over < CONFIRM.0 && unclear < UNCLEAR {
        if over + unclear > 0 {
            sleep(CONFIRM.1);
        }
        if look().is_ok_and(|used| used.memory <= bounds.memory_bytes) {
            return false;
        }
        match exact() {
            Ok(memory) if memory <= bounds.memory_bytes => return false,
            Ok(_) => over += 1,
            // Somebody came or went; a large process takes its time to fork.
            Err(_) => unclear += 1,
        }
    }
    true
}

/// Memory of all processes but this one, shared pages divided by those who share them. That adds up only while nobody comes or goes.
fn exact() -> io::Result<u64> {
    let before = pids()?;
    let mut memory = files() + sockets() * SOCKET_BYTES;
    for pid in &before {
        let (folder, status) = status(*pid)?;
        // A process that hides itself from all others (PR_SET_DUMPABLE) counts in full.
        memory += match fs::read_to_string(format!("{folder}/smaps_rollup")) {
            Ok(rollup) if rollup.contains("Pss_Anon:") => {
                1024 * sum(&rollup, &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"]) + tables(&status)
            }
            _ => rough(&status),
        };
    }
    if pids()? == before { Ok(memory) } else { Err(io::ErrorKind::Interrupted.into()) }
}

/// Whether more is watched with epoll than [`WATCHES`]. Slow. A watch lives as long as its file is open in any process, so a process with few
/// files may have many.
pub(super) fn watches_too_much() -> io::Result<bool> {
    let mut count = 0;
    for pid in pids()? {
        let Ok((folder, _)) = status(pid) else { continue };
        let entries = match fs::read_dir(format!("{folder}/fdinfo")) {
            Ok(entries) => entries,
            // A process that hides itself, as one whose program can't be read does, may have any number.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(true),
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            let Ok(file) = File::open(entry.path()) else { continue };
            let lines = BufReader::new(file).lines().map_while(Result::ok);
            count += lines.filter(|line| line.starts_with("tfd:")).take(WATCHES + 1).count();
            if count > WATCHES {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Where a process is seen, and its status: when its first thread has ended before the others, /proc/PID shows no memory and no files.
fn status(pid: u32) -> io::Result<(String, String)> {
    let folder = format!("/proc/{pid}");
    let status = fs::read_to_string(format!("{folder}/status"))?;
    if status.contains("VmPTE:") || field(&status, "Threads:").unwrap_or(1) < 2 {
        return Ok((folder, status));
    }
    for entry in fs::read_dir(format!("{folder}/task"))?.flatten() {
        let thread = format!("{folder}/task/{}", entry.file_name().to_string_lossy());
        if let Ok(status) = fs::read_to_string(format!("{thread}/status"))
            && status.contains("VmPTE:")
        {
            return Ok((thread, status));
        }
    }
    Ok((folder, status))
}

/// Pages of a process and its tables that say where they are.
fn rough(status: &str) -> u64 {
    1024 * sum(status, &["RssAnon:", "RssShmem:", "VmSwap:"]) + tables(status)
}

fn tables(status: &str) -> u64 {
    1024 * sum(status, &["VmPTE:"])
}

fn sum(text: &str, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| field(text, name)).sum()
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether there are more file locks than a skill can need: the kernel's memory of them is in nobody's counts.
pub(super) fn locks_too_much(table: &File) -> bool {
    let (mut buffer, mut length) = ([0; 8192], 0);
    while let Ok(count @ 1..) = table.read_at(&mut buffer, length as u64) {
        length += count;
        if length > LOCKS {
            return true;
        }
    }
    false
}

/// Every process but this one.
fn pids() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        pids.extend(
            entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()).filter(|pid| *pid != 1),
        );
    }
    pids.sort_unstable();
    Ok(pids)
}

fn files() -> u64 {
    let of = |folder: &&str| {
        let stat = statvfs(*folder).ok()?;
        let blocks = stat.f_blocks.saturating_sub(stat.f_bfree) * stat.f_frsize;
        Some(blocks + stat.f_files.saturating_sub(stat.f_ffree) * INODE_BYTES)
    };
    IN_MEMORY.iter().filter_map(of).sum()
}

/// Sockets of this network namespace, beyond the few that everybody may have.
fn sockets() -> u64 {
    let table = fs::read_to_string("/proc/self/net/sockstat").unwrap_or_default();
    let count =
        table.lines().find_map(|line| line.strip_prefix("sockets: used ")?.trim().parse::<u64>().ok());
    count.unwrap_or(0).saturating_sub(16)
}
