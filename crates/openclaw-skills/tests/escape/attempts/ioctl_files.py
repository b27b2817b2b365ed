# attempt: use ioctls that change file systems, block devices or namespaces
# expect: contained
import ctypes
import errno
import os

from attempt import attempt, libc

COMMANDS = {
    "FS_IOC_SETFLAGS": 0x40086602, "FS_IOC_GETFLAGS": 0x80086601, "FIFREEZE": 0xC0045877, "FITRIM": 0xC0185879, "FICLONE": 0x40049409,
    "FIDEDUPERANGE": 0xC0189436, "BLKGETSIZE64": 0x80081272, "NS_GET_USERNS": 0xB701, "NS_GET_PARENT": 0xB702, "SIOCGIFADDR": 0x8915,
    "SIOCSIFFLAGS": 0x8914, "SIOCBRADDBR": 0x89A0, "TUNSETIFF": 0x400454CA, "LOOP_CTL_GET_FREE": 0x4C82, "FS_IOC_SET_ENCRYPTION_POLICY": 0x800C6613,
}


def command(name, path):
    """One ioctl, which must not be let in."""
    descriptor = os.open(path, os.O_RDONLY)
    buffer = ctypes.create_string_buffer(256)
    ctypes.set_errno(0)
    # With bits above the 32 that the kernel looks at, too.
    for upper in (0, 1 << 32):
        if libc.ioctl(descriptor, ctypes.c_ulong(COMMANDS[name] | upper), buffer) == 0:
            return f"{name} on {path} was taken"
        if ctypes.get_errno() not in (errno.ENOSYS, errno.EPERM, errno.EACCES):
            return f"{name} on {path} was let in: {os.strerror(ctypes.get_errno())}"
    raise PermissionError(name)


attempt(*[lambda name=name, path=path: command(name, path) for name in COMMANDS for path in ("/usr", "/work", "/proc/self/ns/user")])
