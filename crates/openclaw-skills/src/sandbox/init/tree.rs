//! The file system of a sandbox: a root of its own, in which only what is mounted exists.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsRawFd as _, unix::fs::symlink},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, StatVfsMountFlags, fstat, openat2, statvfs},
    io::Errno,
    mount::{
        MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
        mount_remount, unmount,
    },
    process::pivot_root,
};

use super::{InitError, Try};
use crate::sandbox::{
    host,
    plan::{Bind, Plan, Tree},
};

/// Where all is put together; whatever the host has there is seen by nobody after the first step.
const BASE: &str = "/tmp";
/// The host's root, while the new one is built.
pub(super) const OLD: &str = "/old";
/// The new root.
const NEW: &str = "/new";
/// Where the host's root is while the sandbox is being entered; an empty directory afterwards.
const LEFT: &str = "/.openclaw/left";

/// Builds the root beside the host's. With `owner`, its writable directories belong to that user and group.
pub(super) fn build(tree: &Tree, plan: &Plan, owner: Option<(u32, u32)>) -> Result<(), InitError> {
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .or_cannot("keep mounts to this sandbox")?;
    tmpfs(BASE, "size=1m,mode=755", MountFlags::NODEV)?;
    for name in [OLD, NEW] {
        fs::create_dir(format!("{BASE}{name}")).or_cannot(format!("create {name}"))?;
    }
    pivot_root(BASE, format!("{BASE}{OLD}")).or_cannot("enter the new root")?;
    std::env::set_current_dir("/").or_cannot("enter the new root")?;
    tmpfs(NEW, "size=1m,mode=755", MountFlags::NODEV)?;

    system(tree)?;
    devices(plan.any_program)?;
    // What a skill may write it may not run, unless it may run everything.
    let mut flags = MountFlags::NODEV | MountFlags::NOSUID;
    flags.set(MountFlags::NOEXEC, !plan.any_program);
    for (path, part) in [("/tmp", 2), ("/work", 2), ("/dev/shm", 8)] {
        let size = format!("size={},nr_inodes=16384,mode=1777", plan.bounds.memory_bytes / part);
        create_dir(&inside(path))?;
        tmpfs(inside(path), &size, flags)?;
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(inside(path), Some(uid), Some(gid))
                .or_cannot(format!("give away {path}"))?;
        }
    }
    // Last: what is granted may lie below a directory that is the sandbox's own.
    for bind in &tree.binds {
        attach(bind)?;
    }
    create_dir(&inside("/proc"))?;
    create_dir(&inside(LEFT))?;
    make_readonly(&tree.binds)
}

/// Enters the root that [`build`] made; the host's is seen at [`LEFT`] until [`settle`].
pub(super) fn enter() -> Result<(), InitError> {
    // A mount that came along from another user namespace can't become the root; one of our own can.
    mount_bind_recursive(NEW, NEW).or_cannot("enter the sandbox's root")?;
    pivot_root(NEW, inside(LEFT)).or_cannot("enter the sandbox's root")?;
    std::env::set_current_dir("/").or_cannot("enter the sandbox's root")
}

/// As process 1: a view of this sandbox's own processes, and the host's root is gone. Returns the table of file locks, which that view lacks.
pub(super) fn settle() -> Result<Option<File>, InitError> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let mut locks = None;
    if mount("proc", "/proc", "proc", flags, c"").is_ok() {
        locks = File::open("/proc/locks").ok();
        unmount("/proc", UnmountFlags::DETACH).or_cannot("hide the rest of /proc")?;
    }
    // While the host's /proc is in sight: the kernel shows a new one only to who could see an old one. Where parts of that are hidden (in some
    // containers), there is none, and init finds that out.
    match mount("proc", "/proc", "proc", flags, c"subset=pid") {
        Ok(()) | Err(Errno::PERM) => {}
        Err(error) => return Err(error).or_cannot("mount /proc"),
    }
    unmount(LEFT, UnmountFlags::DETACH).or_cannot("leave the host's root")?;
    Ok(locks)
}

fn inside(path: &str) -> PathBuf {
    PathBuf::from(format!("{NEW}{path}"))
}

fn outside(path: &str) -> PathBuf {
    PathBuf::from(format!("{OLD}{path}"))
}

fn tmpfs(target: impl AsRef<Path>, options: &str, flags: MountFlags) -> Result<(), InitError> {
    let target = target.as_ref();
    let what = || format!("mount a tmpfs at {}", target.display());
    let options = std::ffi::CString::new(options).map_err(io::Error::from).or_cannot(what())?;
    mount("tmpfs", target, "tmpfs", flags, options.as_c_str()).or_cannot(what())
}

/// Directories that are made on the way are open to all: they hold nothing but mount points.
fn create_dir(path: &Path) -> Result<(), InitError> {
    fs::create_dir_all(path).or_cannot(format!("create {}", path.display()))
}

/// The system: an image, or the host's system directories and a few files of its /etc.
fn system(tree: &Tree) -> Result<(), InitError> {
    if let Some(image) = &tree.image {
        for entry in fs::read_dir(outside(image)).or_cannot(format!("read {image}"))? {
            let entry = entry.or_cannot(format!("read {image}"))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("/{name}");
            if ["dev", "proc", "sys", "tmp", "work", "skill", "etc", "run", ".openclaw"]
                .contains(&name.as_str())
            {
                continue;
            }
            mirror(&format!("{image}{path}"), &path)?;
        }
        return etc(&format!("{image}/etc"));
    }
    for path in host::SYSTEM {
        mirror(path, path)?;
    }
    etc("/etc")
}

/// Shows `source` at `target`: a link as a link, a directory or file as a mount. Passes over what is not there.
fn mirror(source: &str, target: &str) -> Result<(), InitError> {
    let from = outside(source);
    let Ok(metadata) = fs::symlink_metadata(&from) else { return Ok(()) };
    if metadata.is_symlink() {
        let to = fs::read_link(&from).or_cannot(format!("read {source}"))?;
        return symlink(to, inside(target)).or_cannot(format!("link {target}"));
    }
    attach(&Bind { source: source.to_owned(), target: target.to_owned(), writable: false, judged: false })
}

fn etc(source: &str) -> Result<(), InitError> {
    create_dir(&inside("/etc"))?;
    for (name, text) in host::ETC_FILES {
        fs::write(inside(&format!("/etc/{name}")), text).or_cannot(format!("write /etc/{name}"))?;
    }
    for name in host::ETC_SHARED {
        let path = format!("{source}/{name}");
        // A link such as /etc/localtime is followed here, as what it points to may lie outside.
        if let Ok(real) = canonical(&path) {
            attach(&Bind { source: real, target: format!("/etc/{name}"), writable: false, judged: false })?;
        }
    }
    Ok(())
}

/// Follows links as the host sees them.
fn canonical(path: &str) -> io::Result<String> {
    let mut path = path.to_owned();
    for _ in 0..8 {
        let metadata = fs::symlink_metadata(outside(&path))?;
        if !metadata.is_symlink() {
            return Ok(path);
        }
        let to = fs::read_link(outside(&path))?;
        let base = Path::new(&path).parent().unwrap_or_else(|| Path::new("/"));
        let mut plain = PathBuf::new();
        for part in base.join(to).components() {
            match part {
                std::path::Component::ParentDir => {
                    plain.pop();
                }
                part => plain.push(part),
            }
        }
        path = plain.to_string_lossy().into_owned();
    }
    Err(io::Error::other("too many links"))
}

/// Mounts something of the host; it becomes read-only at the end ([`make_readonly`]).
fn attach(bind: &Bind) -> Result<(), InitError> {
    let to = inside(&bind.target);
    let what = || format!("show {} in the sandbox", bind.source);
    // By a descriptor, so that what is looked at is what is mounted.
    let links = if bind.judged { ResolveFlags::NO_SYMLINKS } else { ResolveFlags::empty() };
    let source = openat2(
        CWD,
        outside(&bind.source),
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_MAGICLINKS | links,
    )
    .or_cannot(what())?;
    let is_folder = FileType::from_raw_mode(fstat(&source).or_cannot(what())?.st_mode).is_dir();
    if is_folder {
        create_dir(&to)?;
    } else {
        if let Some(parent) = to.parent() {
            create_dir(parent)?;
        }
        if fs::symlink_metadata(&to).is_err() {
            fs::write(&to, "").or_cannot(what())?;
        }
    }
    let from = format!("{OLD}/proc/self/fd/{}", source.as_raw_fd());
    mount_bind_recursive(from, &to).or_cannot(what())
}

/// The few devices that programs need, and nothing else.
fn devices(zero: bool) -> Result<(), InitError> {
    create_dir(&inside("/dev"))?;
    // Memory that is mapped from /dev/zero is nobody's in the counts; it is for those who may run everything, and so need it.
    for name in ["null", "full", "random", "urandom"].into_iter().chain(zero.then_some("zero")) {
        let path = format!("/dev/{name}");
        attach(&Bind { source: path.clone(), target: path, writable: true, judged: false })?;
    }
    for (name, to) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(to, inside(&format!("/dev/{name}"))).or_cannot(format!("link /dev/{name}"))?;
    }
    Ok(())
}

/// Makes every mount read-only but the writable ones, those below others included.
fn make_readonly(binds: &[Bind]) -> Result<(), InitError> {
    let table = fs::read_to_string(format!("{OLD}/proc/self/mountinfo")).or_cannot("read the mount table")?;
    let mut writable: Vec<PathBuf> =
        binds.iter().filter(|bind| bind.writable).map(|bind| inside(&bind.target)).collect();
    writable.extend(["/tmp", "/work", "/dev/shm"].map(inside));
    let devices = inside("/dev");
    for line in table.lines() {
        // proc_pid_mountinfo(5): the fifth field is where it is mounted, with spaces and the like as octal.
        let Some(path) = line.split(' ').nth(4).map(unescape) else { continue };
        if !path.starts_with(NEW) {
            continue;
        }
        let is_device = path.starts_with(&devices) && path != devices && path.parent() == Some(&devices);
        let is_writable = writable.iter().any(|folder| path.starts_with(folder));
        let mut flags = kept(&path)? | MountFlags::NOSUID;
        if !is_device {
            flags |= MountFlags::NODEV;
        }
        if !is_writable && !is_device {
            flags |= MountFlags::RDONLY;
        }
        mount_remount(&path, MountFlags::BIND | flags, c"")
            .or_cannot(format!("make {} read-only", path.display()))?;
    }
    Ok(())
}

/// The flags of a mount that a remount has to repeat: in a user namespace they can't be taken away.
fn kept(path: &Path) -> Result<MountFlags, InitError> {
    let now = statvfs(path).or_cannot(format!("look at {}", path.display()))?.f_flag;
    let mut flags = MountFlags::empty();
    for (is, keep) in [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if now.contains(is) {
            flags |= keep;
        }
    }
    Ok(flags)
}

fn unescape(field: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, octal.and_then(|digits| u8::from_str_radix(digits, 8).ok())) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_their_escapes() {
        assert_eq!(unescape(r"/new/a\040b\134c"), PathBuf::from(r"/new/a b\c"));
        assert_eq!(unescape(r"/plain\"), PathBuf::from(r"/plain\"));
    }
}
