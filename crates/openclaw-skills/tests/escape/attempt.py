"""What attempts have in common. The harness puts this file beside each attempt's `main.py`.

An attempt hands `attempt` its tries. A try that returns something got through, and that is what it got; one that raises, or returns
nothing, was stopped. Nothing here is told the secret: the harness looks for it in all that comes back.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import socket
import sys
import time

# What the harness tells: paths, ports and process ids of the host.
host = json.load(sys.stdin)

# The sandbox's bounds, as they are felt from inside.
MEMORY = resource.getrlimit(resource.RLIMIT_DATA)[0]
PROCESSES = resource.getrlimit(resource.RLIMIT_NPROC)[0]
if MEMORY == resource.RLIM_INFINITY:
    MEMORY = 512 << 20

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]

# Numbers on x86_64 and, where it differs, aarch64 (None: it has no such call). From 424 on all architectures agree.
CALLS = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "capset": (126, 91),
    "chroot": (161, 51), "clock_adjtime": (305, 266), "clock_settime": (227, 112), "clone": (56, 220),
    "clone3": 435, "delete_module": (176, 106), "execveat": (322, 281), "fanotify_init": (300, 262),
    "finit_module": (313, 273), "fsconfig": 431, "fsmount": 432, "fsopen": 430, "fspick": 433,
    "init_module": (175, 105), "inotify_init1": (294, 26), "io_setup": (206, 0), "io_uring_enter": 426,
    "io_uring_register": 427, "io_uring_setup": 425, "ioperm": (173, None), "iopl": (172, None),
    "ioprio_set": (251, 30), "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104),
    "keyctl": (250, 219), "listmount": 458, "mbind": (237, 235), "memfd_create": (319, 279), "memfd_secret": 447,
    "migrate_pages": (256, 238), "mknodat": (259, 33), "modify_ldt": (154, None), "mount": (165, 40),
    "mount_setattr": 442, "move_mount": 429, "move_pages": (279, 239), "mq_open": (240, 180),
    "msgget": (68, 186), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "open_tree": 428,
    "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": 438, "pidfd_open": 434,
    "pidfd_send_signal": 424, "pivot_root": (155, 41), "prctl": (157, 167), "prlimit64": (302, 261),
    "process_madvise": 440, "process_mrelease": 448, "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60), "quotactl_fd": 443,
    "reboot": (169, 142), "request_key": (249, 218), "rt_sigqueueinfo": (129, 138),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "seccomp": (317, 277), "semget": (64, 190), "set_mempolicy": (238, 237),
    "setdomainname": (171, 162), "setgroups": (116, 159), "sethostname": (170, 161), "setns": (308, 268),
    "settimeofday": (164, 170), "setxattr": (188, 5), "shmget": (29, 194), "statmount": 457, "swapoff": (168, 225),
    "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97),
    "userfaultfd": (323, 282), "vhangup": (153, 58), "vmsplice": (278, 75),
}


def attempt(*tries):
    """Makes all tries, prints what came of them, and ends."""
    said, escaped = [], False
    for one in tries:
        try:
            got = one()
        except (NameError, TypeError, AttributeError):
            raise  # The try itself is wrong, and says nothing about the sandbox.
        except Exception as error:  # Whatever stops a try stops it.
            said.append(f"{type(error).__name__}: {error}")
            continue
        if got:
            escaped = True
            said.append(f"GOT THROUGH: {got}")
        else:
            said.append("nothing")
    answer(escaped, "; ".join(dict.fromkeys(said)))


def answer(escaped, detail):
    """Prints the result and ends, whatever threads and buffers there are."""
    detail = str(detail)[:4000]
    os.write(1, json.dumps({"escaped": escaped, "detail": detail}).encode() + b"\n")
    os._exit(0)


def outlive(is_over, detail):
    """For who may have got more than is allowed: goes on having it until init must have seen that, also on a busy machine, and then says so."""
    if is_over:
        time.sleep(20)
    answer(is_over, detail)


def read(path):
    """The beginning of a file, as text."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        text = os.read(descriptor, 400).decode(errors="replace")
    finally:
        os.close(descriptor)
    return text and f"{path}: {text}"


def names(path):
    """The names in a directory; nothing if there are none."""
    found = sorted(os.listdir(path))
    return found and f"{path}: {found[:20]}"


def write(path, flags=os.O_WRONLY):
    """Opens for writing, without changing what is there."""
    os.close(os.open(path, flags, 0o644))
    return f"{path} can be written"


def number(name):
    """Of a system call, here."""
    both = CALLS[name]
    if isinstance(both, int):
        return both
    here = both[0] if platform.machine() == "x86_64" else both[1]
    if here is None:
        raise OSError(errno.ENOSYS, f"{name}: not on this machine")
    return here


def call(name, *arguments):
    """A raw system call: its result, or an OSError."""
    plain = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number(name)), *plain)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


def admitted(name, *arguments):
    """A system call that must not be let in at all: an error about its arguments shows that it was."""
    try:
        return f"{name} gave {call(name, *arguments)}"
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM, errno.EACCES):
            raise
        return f"{name} was let in and said {errno.errorcode.get(error.errno, error.errno)}"


def refuses(name, *arguments):
    """`admitted` as a try."""
    return lambda: admitted(name, *arguments)


def in_child(work, seconds=5):
    """Runs a try in a process of its own, which it may lose; what it returned."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = {"got": work() or ""}
        except BaseException as error:
            told = {"error": f"{type(error).__name__}: {error}", "wrong": isinstance(error, (NameError, TypeError))}
        os.write(into, json.dumps(told, default=str).encode())
        os._exit(0)
    os.close(into)
    end = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimeoutError("it hung")
        time.sleep(0.01)
    told = os.read(out, 65536)
    os.close(out)
    if not told:
        raise ChildProcessError("the kernel ended it")
    told = json.loads(told)
    if told.get("wrong"):
        raise TypeError(told["error"])
    if "error" in told:
        raise PermissionError(told["error"])
    return told["got"]


def granted(kind):
    """The first folder granted for `read` or `write`."""
    for line in os.environ["OPENCLAW_GRANTED"].splitlines():
        how, _, path = line.partition(":")
        if how == kind:
            return path
    raise LookupError(f"no {kind} grant")


def reach(address, family=socket.AF_INET, kind=socket.SOCK_STREAM, say=b"GET / HTTP/1.0\r\n\r\n"):
    """Connects, and what is answered. A connection is enough; a datagram's address is reached when somebody answers."""
    with socket.socket(family, kind) as talk:
        talk.settimeout(2)
        talk.connect(address)
        if family != socket.AF_UNIX and kind == socket.SOCK_DGRAM:
            talk.sendall(say)
            return f"{address} answered: {talk.recv(200)!r}"
        if family != socket.AF_UNIX and talk.getsockname() == talk.getpeername():
            raise ConnectionRefusedError("that was ourselves")
        try:
            talk.sendall(say)
            heard = talk.recv(200)
        except OSError as error:
            heard = error
        return f"{address} is reached: {heard!r}"


def proxy(*parts, patience=3):
    """Says `parts` to the egress proxy, waiting for an answer after each; all that it answered."""
    heard = b""
    with socket.create_connection(("127.0.0.1", 3128), timeout=30) as talk:
        for part in parts:
            talk.sendall(part.encode("latin-1") if isinstance(part, str) else part)
            talk.settimeout(patience)
            try:
                while more := talk.recv(65536):
                    heard += more
                    talk.settimeout(0.3)
            except (TimeoutError, ConnectionResetError):
                pass
    return heard


def status(heard):
    """The status of an answer's first line; 0 where there is none."""
    words = heard.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else 0


def passes(*parts):
    """A try that says `parts` to the proxy and must be refused."""

    def one():
        heard = proxy(*parts)
        if 200 <= status(heard) < 400:
            return f"{parts[0]!r} -> {heard[:300]!r}"
        raise ConnectionRefusedError(heard[:120])

    return one


def works():
    """A try that fails unless the declared host is reached: without that, all refusals would prove nothing."""
    try:
        heard = proxy(get(host["allowed_url"]), patience=30)
    except OSError as error:
        return f"there is no proxy: {error}"
    return (status(heard) != 200 or b"allowed" not in heard) and f"the declared host is not reached: {heard[:200]!r}"


def get(url, at=None, **headers):
    """A plain request to the proxy; `at`: another `Host` than the URL's."""
    name = at or url.split("://", 1)[-1].split("/", 1)[0]
    more = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items())
    return f"GET {url} HTTP/1.1\r\nHost: {name}\r\n{more}Connection: close\r\n\r\n"


def connect(name):
    """A request for a tunnel."""
    return f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n"
