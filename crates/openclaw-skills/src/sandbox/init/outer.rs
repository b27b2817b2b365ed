//! The outer stage of the `namespace` engine: it makes the namespaces and the file system, gives up every right, and starts init.

use std::{
    fs::{self, File},
    io::Write as _,
};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    fs::{Mode, OFlags, openat},
    process::{Gid, Uid, getegid, geteuid},
    thread,
};

use super::{InitError, PLAN_FILE, Try, confine, pass_on, plan_of_stdin, tree};

/// Whom a sandbox of root's gateway runs as: root's own files must stay closed to it.
const NOBODY: u32 = 65_534;
/// Who it is inside.
const INSIDE: u32 = 1000;

pub(super) fn run() -> Result<u8, InitError> {
    // Whatever the gateway was started with, a skill gets its three pipes and nothing else.
    close_fds::set_fds_cloexec(3, &[]);
    let plan = plan_of_stdin(None)?;
    let Some(tree) = &plan.tree else {
        return Err(InitError::Usage("the plan has no file system"));
    };
    // Opened now: once the new root is entered, the host's /proc is gone, and the sandbox's own does not show us.
    let own = File::open("/proc/self").or_cannot("open /proc/self")?;
    if geteuid().is_root() {
        // Root reaches what it is to mount below directories that nobody may enter, so it mounts first.
        unshare(CloneFlags::CLONE_NEWNS).or_cannot("make a mount namespace")?;
        tree::build(tree, &plan, Some((NOBODY, NOBODY)))?;
        become_nobody()?;
        enter_namespaces(&own)?;
    } else {
        enter_namespaces(&own)?;
        tree::build(tree, &plan, None)?;
    }
    // Buffers of connections grow with use, and nothing counts them: small and fixed, as far as the kernel lets us.
    for name in ["tcp_rmem", "tcp_wmem"] {
        let _ = fs::write(format!("{}/proc/sys/net/ipv4/{name}", tree::OLD), "4096 16384 131072");
    }
    tree::enter()?;
    loopback::up()?;
    rustix::system::sethostname(b"sandbox").or_cannot("name the sandbox")?;
    let json = serde_json::to_vec(&plan).map_err(super::PlanError::Json)?;
    fs::write(PLAN_FILE, json).or_cannot("hand on the plan")?;
    confine::keep_only_mounting()?;
    pass_on(&tree.start, "inner")
}

fn become_nobody() -> Result<(), InitError> {
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    thread::set_thread_groups(&[]).or_cannot("leave root's groups")?;
    thread::set_thread_res_gid(gid, gid, gid).or_cannot("leave root's group")?;
    thread::set_thread_res_uid(uid, uid, uid).or_cannot("stop being root")?;
    // Changing ids made us undumpable, and then /proc/self belongs to root: the maps below could not be written.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)
        .or_cannot("become dumpable again")
}

fn enter_namespaces(own: &File) -> Result<(), InitError> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    unshare(all).or_cannot(
        "make namespaces (is kernel.unprivileged_userns_clone or an AppArmor rule for user namespaces in the way?)",
    )?;
    map_ids(own, uid, gid)
}

/// In a container, whose user may have other sandboxes: a user namespace of our own, so that the kernel counts ours alone. Whether there is one:
/// where none can be had, the engine's has to do.
pub(super) fn own_users() -> Result<bool, InitError> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let own = File::open("/proc/self").or_cannot("open /proc/self")?;
    if unshare(CloneFlags::CLONE_NEWUSER).is_err() {
        return Ok(false);
    }
    map_ids(&own, uid, gid).map(|()| true)
}

/// Maps a user and a group of the user namespace above to [`INSIDE`].
fn map_ids(own: &File, uid: u32, gid: u32) -> Result<(), InitError> {
    // user_namespaces(7): an unprivileged process maps its own id, and its group only once setgroups is off. A root that is mapped needs
    // CAP_SETFCAP in the namespace above.
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{INSIDE} {uid} 1")),
        ("gid_map", format!("{INSIDE} {gid} 1")),
    ] {
        let opened = openat(own, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        let mut opened = File::from(opened.or_cannot(format!("open {file}"))?);
        opened.write_all(text.as_bytes()).or_cannot(format!("write {file}"))?;
    }
    Ok(())
}

/// The loopback interface of a new network namespace is down.
mod loopback {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};

    use super::{InitError, Try};

    /// Brings it up: `RTM_NEWLINK` with `IFF_UP` for interface 1 (rtnetlink(7)).
    pub(super) fn up() -> Result<(), InitError> {
        let socket =
            socket(AddressFamily::NETLINK, SocketType::RAW, None).or_cannot("open a netlink socket")?;
        let mut request = Vec::with_capacity(32);
        request.extend_from_slice(&32u32.to_ne_bytes()); // nlmsg_len
        request.extend_from_slice(&16u16.to_ne_bytes()); // nlmsg_type: RTM_NEWLINK
        request.extend_from_slice(&5u16.to_ne_bytes()); // nlmsg_flags: NLM_F_REQUEST | NLM_F_ACK
        request.extend_from_slice(&1u32.to_ne_bytes()); // nlmsg_seq
        request.extend_from_slice(&0u32.to_ne_bytes()); // nlmsg_pid
        request.extend_from_slice(&[0, 0, 0, 0]); // ifi_family, padding, ifi_type
        request.extend_from_slice(&1i32.to_ne_bytes()); // ifi_index: loopback is always the first
        request.extend_from_slice(&1u32.to_ne_bytes()); // ifi_flags: IFF_UP
        request.extend_from_slice(&1u32.to_ne_bytes()); // ifi_change
        send(&socket, &request, SendFlags::empty()).or_cannot("bring up the loopback interface")?;
        let mut answer = [0; 256];
        let (count, _) = recv(&socket, &mut answer, RecvFlags::empty()).or_cannot("hear from netlink")?;
        // nlmsgerr: the error stands behind the header.
        let code = answer.get(16..20).filter(|_| count >= 20).and_then(|bytes| bytes.try_into().ok());
        match code.map(i32::from_ne_bytes) {
            Some(0) => Ok(()),
            Some(code) => {
                Err(std::io::Error::from_raw_os_error(-code)).or_cannot("bring up the loopback interface")
            }
            None => Err(InitError::Usage("netlink's answer is too short")),
        }
    }
}
