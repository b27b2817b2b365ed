//! What a sandbox sees of the host, and what it sees in its place.

/// The system directories: programs and their libraries. Nothing of people, nothing of services.
pub(super) const SYSTEM: [&str; 9] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];

/// What is shown of the host's /etc: what programs need to start, to trust certificates and to know the time zone.
pub(super) const ETC_SHARED: [&str; 14] = [
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "pki",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
];

/// Files of /etc that are made for the sandbox.
pub(super) const ETC_FILES: [(&str, &str); 6] = [
    (
        "passwd",
        "root:x:0:0::/:/usr/sbin/nologin\nsandbox:x:1000:1000::/work:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n",
    ),
    ("group", "root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
    ("hostname", "sandbox\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    // Names are resolved by the egress proxy; nothing is asked from here.
    ("resolv.conf", ""),
];

/// What containers' engines show of the kernel, and nobody inside needs. The built-in engine shows none of it. (The old control groups lie
/// in a file system that can be written to.)
pub(super) const HIDDEN: [&str; 7] = [
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/key-users",
    "/proc/modules",
    "/proc/vmallocinfo",
    "/sys/fs/cgroup",
];
