//! The system calls that a skill may make: everything that programs and interpreters need, and nothing that administers a system.
//!
//! Whatever is not listed answers "function not implemented", as on a kernel without it: programs then take another way. That holds for
//! every call of the future as well. What a call's arguments can turn into something else is checked: [`conditions`].

use std::{collections::BTreeMap, io};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpArgLen::Qword, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Applies the filter to this thread and all that it starts.
pub(super) fn apply() -> io::Result<()> {
    let program = program().map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

fn program() -> Result<BpfProgram, seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = CALLS.iter().map(|call| (*call, Vec::new())).collect();
    rules.extend(conditions()?);
    let filter = SeccompFilter::new(rules, SeccompAction::Errno(ENOSYS), SeccompAction::Allow, arch)?;
    filter.try_into()
}

const ENOSYS: u32 = libc::ENOSYS as u32;
/// Flags of clone(2) that make namespaces: `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID`, `NEWNET`, `NEWTIME`.
const NAMESPACES: u64 = 0x7e02_0080;

/// `CLONE_THREAD` and `CLONE_FILES`.
const THREAD: u64 = 0x0001_0000 | 0x400;
/// `CLOSE_RANGE_UNSHARE`.
const UNSHARE_FILES: u64 = 2;

/// Bits of a mode by which a program runs with its owner's rights, whoever starts it.
const SET_ID: u64 = 0o6000;
/// `F_OFD_SETLK`, `F_OFD_SETLKW`, `F_SETLEASE` and `F_NOTIFY` of fcntl(2). The last two act on whoever else opens a file; locks of open files show in
/// every sandbox's table, where each would be counted as its own.
const ON_OTHERS: [u64; 4] = [37, 38, 1024, 1026];

const SOL_SOCKET: u64 = 1;
/// `SO_SNDBUF`, `SO_RCVBUF` and their forceful twins.
const BUFFERS: [u64; 4] = [7, 8, 32, 33];

/// Calls that are allowed with some arguments only: any of the rules, each with all of its conditions.
fn conditions() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let is = |argument, value| SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value);
    let is_not = |argument, value| SeccompCondition::new(argument, Dword, SeccompCmpOp::Ne, value);
    let masked =
        |argument, mask, value| SeccompCondition::new(argument, Qword, SeccompCmpOp::MaskedEq(mask), value);
    let one = |condition| SeccompRule::new(vec![condition]);
    let any_of = |argument, values: &[u64]| {
        values.iter().map(|value| one(is(argument, *value)?)).collect::<Result<Vec<_>, _>>()
    };
    let mut rules = BTreeMap::new();
    // Open files are those of one process, all of it: init counts by process what they hold.
    let clones = [0, THREAD].map(|shared| one(masked(0, NAMESPACES | THREAD, shared)?));
    rules.insert(libc::SYS_clone, clones.into_iter().collect::<Result<_, _>>()?);
    rules.insert(libc::SYS_close_range, vec![one(masked(2, UNSHARE_FILES, 0)?)?]);
    // A mode without set-id bits, where a file or folder is made or changed: a granted folder is the host's. Not openat2, whose mode
    // lies in memory.
    for (call, mode) in [
        (libc::SYS_openat, 3),
        (libc::SYS_mkdirat, 2),
        (libc::SYS_fchmod, 1),
        (libc::SYS_fchmodat, 2),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, 2),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_creat, 1),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_mkdir, 1),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_chmod, 1),
    ] {
        rules.insert(call, vec![one(masked(mode, SET_ID, 0)?)?]);
    }
    let others = ON_OTHERS.into_iter().map(|command| is_not(1, command)).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_fcntl, vec![SeccompRule::new(others)?]);
    // Memory that is private, or a file's: shared memory without a name is counted by nothing.
    let (anonymous, kind, private) = (0x20, 0x0f, 0x02);
    rules.insert(libc::SYS_mmap, vec![one(masked(3, anonymous, 0)?)?, one(masked(3, kind, private)?)?]);
    // IPv4 and IPv6 with TCP and UDP; netlink for routes alone, which libraries ask for interface addresses. No Unix sockets: those that
    // lie in a granted folder are services of the host. Pairs of them are what interpreters need, of
    // streams (and init itself, of packets in order): half a pair of datagrams can be sent from to any path.
    let mut sockets = Vec::new();
    for family in [2, 10] {
        for protocol in [0, 6, 17] {
            sockets.push(SeccompRule::new(vec![is(0, family)?, is(2, protocol)?])?);
        }
    }
    sockets.push(SeccompRule::new(vec![is(0, 16)?, is(2, 0)?])?);
    rules.insert(libc::SYS_socket, sockets);
    let pair = |kind| SeccompRule::new(vec![is(0, 1)?, masked(1, 0x0f, kind)?]);
    rules.insert(libc::SYS_socketpair, vec![pair(1)?, pair(5)?]);
    // Buffers of sockets stay as small as they are by default: nothing counts them.
    let mut options = vec![one(is_not(1, SOL_SOCKET)?)?];
    options.push(SeccompRule::new(
        BUFFERS.iter().map(|option| is_not(2, *option)).collect::<Result<Vec<_>, _>>()?,
    )?);
    rules.insert(libc::SYS_setsockopt, options);
    // Its own bounds and its own importance, not init's.
    rules.insert(libc::SYS_prlimit64, any_of(0, &[0])?);
    // (Init lowers the skill's: a number of a process may be named, as long as it is not its own.)
    rules.insert(libc::SYS_setpriority, vec![SeccompRule::new(vec![is(0, 0)?, is_not(1, 1)?])?]);
    // Terminal size and mode, bytes waiting, blocking and closing on exec, process groups of a terminal.
    rules.insert(
        libc::SYS_ioctl,
        any_of(1, &[0x5401, 0x5402, 0x5403, 0x5404, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451, 0x540f, 0x5410])?,
    );
    // Death signal, dumpable, names of threads and mappings, capabilities as questions, no-new-privs, speculation, ambient as a question.
    rules.insert(
        libc::SYS_prctl,
        any_of(0, &[1, 2, 3, 7, 15, 16, 21, 23, 27, 37, 38, 39, 42, 52, 53, 0x5356_4d41])?,
    );
    // The usual personality, and the question which it is.
    rules.insert(libc::SYS_personality, any_of(0, &[0, 0xffff_ffff])?);
    Ok(rules)
}

/// Calls that are allowed with any arguments.
#[rustfmt::skip]
const CALLS: &[i64] = &[
    // Files.
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64, libc::SYS_preadv,
    libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_close,
    libc::SYS_lseek, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_faccessat,
    libc::SYS_faccessat2, libc::SYS_getdents64, libc::SYS_readlinkat, libc::SYS_getcwd, libc::SYS_chdir, libc::SYS_fchdir,
    libc::SYS_unlinkat, libc::SYS_renameat2, libc::SYS_linkat, libc::SYS_symlinkat, 
    libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_utimensat, libc::SYS_truncate, libc::SYS_ftruncate,
    libc::SYS_fallocate, libc::SYS_fadvise64, libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sync_file_range, libc::SYS_flock,
    libc::SYS_dup, libc::SYS_dup3, libc::SYS_pipe2, libc::SYS_splice, libc::SYS_tee, libc::SYS_sendfile,
    libc::SYS_copy_file_range, libc::SYS_umask, libc::SYS_getxattr, libc::SYS_lgetxattr, libc::SYS_fgetxattr, libc::SYS_listxattr,
    libc::SYS_llistxattr, libc::SYS_flistxattr, 
    // Memory.
    libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_mincore, libc::SYS_msync,
    libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_munlock, libc::SYS_brk, libc::SYS_membarrier, libc::SYS_get_mempolicy,
    // Waiting.
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2, libc::SYS_signalfd4, libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime,
    libc::SYS_futex, libc::SYS_get_robust_list, libc::SYS_set_robust_list, libc::SYS_rseq,
    // Time.
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep, libc::SYS_nanosleep, libc::SYS_gettimeofday,
    libc::SYS_getitimer, libc::SYS_setitimer, libc::SYS_timer_create, libc::SYS_timer_settime, libc::SYS_timer_gettime,
    libc::SYS_timer_getoverrun, libc::SYS_timer_delete, libc::SYS_times,
    // Processes and threads. clone3 is not there: its flags can't be seen by a filter, and libraries fall back to clone.
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid, libc::SYS_kill,
    libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal, libc::SYS_getpid, libc::SYS_getppid,
    libc::SYS_gettid, libc::SYS_getpgid, libc::SYS_setpgid, libc::SYS_getsid, libc::SYS_setsid, libc::SYS_getuid, libc::SYS_geteuid,
    libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_getgroups, libc::SYS_setuid,
    libc::SYS_setgid, libc::SYS_setresuid, libc::SYS_setresgid, libc::SYS_capget, libc::SYS_getpriority, 
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_getparam, libc::SYS_sched_getscheduler,
    libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min, libc::SYS_getcpu, libc::SYS_set_tid_address,
    libc::SYS_getrlimit, libc::SYS_getrusage, libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getrandom,
    // Signals.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending, libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigqueueinfo, libc::SYS_sigaltstack, libc::SYS_restart_syscall,
    // Sockets: there is no route but to the forwarder.
    libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4, libc::SYS_connect, libc::SYS_shutdown, libc::SYS_sendto,
    libc::SYS_recvfrom, libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_sendmmsg, libc::SYS_recvmmsg, libc::SYS_getsockname,
    libc::SYS_getpeername, libc::SYS_getsockopt,
    // Landlock: a skill may restrict itself further.
    libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self,
    #[cfg(target_arch = "x86_64")] libc::SYS_stat,
    #[cfg(target_arch = "x86_64")] libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")] libc::SYS_access,
    #[cfg(target_arch = "x86_64")] libc::SYS_getdents,
    #[cfg(target_arch = "x86_64")] libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")] libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")] libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")] libc::SYS_rename,
    #[cfg(target_arch = "x86_64")] libc::SYS_renameat,
    #[cfg(target_arch = "x86_64")] libc::SYS_link,
    #[cfg(target_arch = "x86_64")] libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")] libc::SYS_chown,
    #[cfg(target_arch = "x86_64")] libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")] libc::SYS_utime,
    #[cfg(target_arch = "x86_64")] libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")] libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")] libc::SYS_dup2,
    #[cfg(target_arch = "x86_64")] libc::SYS_pipe,
    #[cfg(target_arch = "x86_64")] libc::SYS_poll,
    #[cfg(target_arch = "x86_64")] libc::SYS_select,
    #[cfg(target_arch = "x86_64")] libc::SYS_epoll_create,
    #[cfg(target_arch = "x86_64")] libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")] libc::SYS_eventfd,
    #[cfg(target_arch = "x86_64")] libc::SYS_alarm,
    #[cfg(target_arch = "x86_64")] libc::SYS_pause,
    #[cfg(target_arch = "x86_64")] libc::SYS_time,
    #[cfg(target_arch = "x86_64")] libc::SYS_fork,
    #[cfg(target_arch = "x86_64")] libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")] libc::SYS_getpgrp,
    #[cfg(target_arch = "x86_64")] libc::SYS_arch_prctl,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_and_names_nothing_twice() {
        assert!(program().unwrap().len() > 300);
        let mut calls = CALLS.to_vec();
        calls.extend(conditions().unwrap().keys());
        let count = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), count);
    }

    #[test]
    fn what_administers_or_escapes_is_not_listed() {
        let conditions = conditions().unwrap();
        for call in [
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_clone3,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_kcmp,
            libc::SYS_pidfd_getfd,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            libc::SYS_io_uring_register,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_open_by_handle_at,
            libc::SYS_name_to_handle_at,
            libc::SYS_fanotify_init,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_delete_module,
            libc::SYS_kexec_load,
            libc::SYS_reboot,
            libc::SYS_swapon,
            libc::SYS_syslog,
            libc::SYS_acct,
            libc::SYS_quotactl,
            libc::SYS_settimeofday,
            libc::SYS_clock_settime,
            libc::SYS_adjtimex,
            libc::SYS_sethostname,
            libc::SYS_mknodat,
            libc::SYS_memfd_create,
            libc::SYS_memfd_secret,
            libc::SYS_shmget,
            libc::SYS_msgget,
            libc::SYS_semget,
            libc::SYS_sched_setaffinity,
            libc::SYS_seccomp,
            libc::SYS_capset,
            libc::SYS_move_pages,
            libc::SYS_mbind,
            libc::SYS_vmsplice,
            libc::SYS_fsopen,
            libc::SYS_move_mount,
            libc::SYS_open_tree,
            libc::SYS_mount_setattr,
            libc::SYS_setxattr,
        ] {
            assert!(!CALLS.contains(&call) && !conditions.contains_key(&call), "{call}");
        }
    }
}
