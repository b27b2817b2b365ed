//! What makes a process less: bounds, rights, landlock. Everything here is inherited by what is started afterwards, and can't be undone.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, Scope,
};
use rustix::{
    io::Errno,
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, CpuSet, capabilities, clear_ambient_capability_set,
        configure_capability_in_ambient_set, disable_transparent_huge_pages,
        remove_capability_from_bounding_set, sched_setaffinity, set_capabilities, set_no_new_privs,
    },
};

use super::{InitError, Try, filter};
use crate::sandbox::{plan::Plan, program};

/// What of the system may be read and run by who may run everything.
const READABLE: [&str; 12] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
    "/etc",
    "/proc",
    "/dev",
];
/// Where programs lie: closed to who may run none but its own, for the loader, which has to be open, starts whatever it can read.
const PROGRAMS: [&str; 5] = ["bin", "sbin", "games", "libexec", "local"];
/// What may be written whatever the skill was granted.
const WRITABLE: [&str; 4] = ["/tmp", "/work", "/dev/shm", "/dev/null"];
/// Processes of all sandboxes of a user together, where the kernel can't count each sandbox's: init does that.
const SHARED_PROCESSES: u64 = 1024;
/// The newest version of landlock that is made use of; older kernels do what they can.
const LANDLOCK: ABI = ABI::V6;

/// Bounds, and no rights.
///
/// `counted`: whether the user that it runs as has no other processes in its user namespace, so that the kernel's count is this sandbox's.
pub(super) fn lessen(plan: &Plan, counted: bool) -> Result<(), InitError> {
    // Nothing inside may look into init, though it has the same user.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).or_cannot("become undumpable")?;
    drop_rights()?;
    match disable_transparent_huge_pages(true) {
        // Of a huge page that was given back in part, the rest is in nobody's counts. The kernel may know none.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error).or_cannot("do without huge pages"),
    }
    let bounds = &plan.bounds;
    for (name, resource, most) in [
        ("memory", Resource::Data, bounds.memory_bytes),
        ("file size", Resource::Fsize, bounds.file_bytes),
        ("open files", Resource::Nofile, bounds.open_files),
        ("processor time", Resource::Cpu, bounds.cpu_seconds),
        ("locked memory", Resource::Memlock, 64 * 1024),
        ("message queues", Resource::Msgqueue, 0),
        ("core dumps", Resource::Core, 0),
        ("queued signals and timers", Resource::Sigpending, 256),
    ] {
        bound(name, resource, most)?;
    }
    let processes = if counted { bounds.processes } else { SHARED_PROCESSES };
    bound(
        "processes",
        Resource::Nproc,
        getrlimit(Resource::Nproc).maximum.map_or(processes, |most| most.min(processes)),
    )?;
    if let Some(processor) = plan.processor {
        let mut one = CpuSet::new();
        one.set(processor);
        sched_setaffinity(None, &one).or_cannot("keep to one processor")?;
    }
    Ok(())
}

fn bound(name: &str, resource: Resource, most: u64) -> Result<(), InitError> {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(resource, limit).or_cannot(format!("bound the {name}"))
}

/// Gives up every capability, and the possibility to get one by running a program.
fn drop_rights() -> Result<(), InitError> {
    drop_bounding()?;
    clear_ambient_capability_set().or_cannot("give up ambient capabilities")?;
    hold(CapabilitySet::empty())?;
    set_no_new_privs(true).or_cannot("give up new privileges")
}

/// The same, but for the one capability by which the next stage mounts /proc and unmounts the host's root.
pub(super) fn keep_only_mounting() -> Result<(), InitError> {
    let mounting = CapabilitySet::SYS_ADMIN;
    // Inheritable first: it can't be added once the bounding set has lost it (capabilities(7)).
    let all = capabilities(None).or_cannot("read our capabilities")?;
    set_capabilities(None, CapabilitySets { inheritable: mounting, ..all })
        .and_then(|()| configure_capability_in_ambient_set(mounting, true))
        .or_cannot("hand on the right to mount")?;
    drop_bounding()?;
    hold(mounting)?;
    set_no_new_privs(true).or_cannot("give up new privileges")
}

fn hold(set: CapabilitySet) -> Result<(), InitError> {
    set_capabilities(None, CapabilitySets { effective: set, permitted: set, inheritable: set })
        .or_cannot("give up capabilities")
}

fn drop_bounding() -> Result<(), InitError> {
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // The kernel does not know it, or it can't be got back anyway since we have no right to give it up.
            Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
            Err(error) => return Err(error).or_cannot("give up capabilities"),
        }
    }
    Ok(())
}

/// Landlock, then the system call filter. `programs`: what may be run besides the skill's own files; `None`: everything.
pub(super) fn confine(plan: &Plan, programs: Option<&[PathBuf]>) -> Result<(), InitError> {
    landlock(plan, programs)?;
    filter::apply().or_cannot("filter system calls")
}

/// [`READABLE`] without programs. Landlock can only open: so each folder beside those with programs is opened.
fn without_programs() -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> =
        ["/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store", "/etc", "/proc"]
            .map(PathBuf::from)
            .into();
    // Not /dev/zero: memory that is mapped from it is nobody's in the counts.
    open.extend(["null", "full", "random", "urandom", "shm"].map(|name| Path::new("/dev").join(name)));
    for folder in ["/usr", "/usr/local"] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let beside =
            entries.flatten().filter(|entry| !PROGRAMS.iter().any(|programs| entry.file_name() == *programs));
        open.extend(beside.map(|entry| entry.path()));
    }
    open
}

fn landlock(plan: &Plan, programs: Option<&[PathBuf]>) -> Result<(), InitError> {
    let error = |error: landlock::RulesetError| InitError::System {
        what: "restrict the file system with landlock".to_owned(),
        source: std::io::Error::other(error),
    };
    let all = AccessFs::from_all(LANDLOCK);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = all & !AccessFs::Execute;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|rules| rules.scope(Scope::AbstractUnixSocket))
        .and_then(Ruleset::create)
        .map_err(error)?;
    let mut allow = |path: &Path, access| {
        // What is not there needs no rule.
        let Ok(fd) = PathFd::new(path) else { return Ok(()) };
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(LANDLOCK) };
        let added = (&mut rules).add_rule(PathBeneath::new(fd, access));
        added.map(|_| ()).map_err(error)
    };
    // Names of what is there; what is there was chosen.
    allow(Path::new("/"), AccessFs::ReadDir.into())?;
    if programs.is_none() {
        for path in READABLE {
            allow(Path::new(path), read | AccessFs::Execute)?;
        }
    } else {
        for path in without_programs() {
            allow(&path, read)?;
        }
    }
    for path in WRITABLE {
        allow(Path::new(path), if programs.is_none() { all } else { write })?;
    }
    for path in ["/skill", program::FOLDER] {
        allow(Path::new(path), read | AccessFs::Execute)?;
    }
    for grant in &plan.grants {
        allow(Path::new(&grant.path), if grant.writable { write } else { read })?;
    }
    for path in programs.unwrap_or_default() {
        allow(path, AccessFs::ReadFile | AccessFs::Execute)?;
    }
    rules.restrict_self().map(|_| ()).map_err(error)
}
