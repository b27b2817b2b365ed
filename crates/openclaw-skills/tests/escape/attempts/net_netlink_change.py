# attempt: add an interface, an address and a route by netlink
# expect: contained
import os
import socket
import struct

from attempt import attempt


def ask(kind, body):
    """One request for a change; the kernel's answer carries an error number."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as talk:
        talk.settimeout(2)
        flags = 0x1 | 0x4 | 0x400 | 0x200  # Request, acknowledge, create, exclusive.
        talk.sendto(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body, (0, 0))
        error = -struct.unpack_from("=i", talk.recv(4096), 16)[0]
        if error:
            raise OSError(error, os.strerror(error))
        return f"request {kind} was done"


def text(kind, value):
    """An attribute."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


link = struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0)
attempt(
    lambda: ask(16, link + text(3, b"dummy0\0") + text(18, text(1, b"dummy"))),
    lambda: ask(16, link + text(3, b"veth0\0") + text(18, text(1, b"veth"))),
    lambda: ask(20, struct.pack("=BBBBI", 2, 24, 0, 0, 1) + text(2, b"\xc0\x00\x02\x01") + text(1, b"\xc0\x00\x02\x01")),
    lambda: ask(24, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 4, 0, 1, 0) + text(4, struct.pack("=I", 1))),
    lambda: ask(16, struct.pack("=BBHiII", 0, 0, 0, 1, 0, 1)),  # Loopback down.
)
