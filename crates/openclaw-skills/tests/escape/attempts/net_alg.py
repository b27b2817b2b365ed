# attempt: use the kernel's cryptography by sockets
# expect: contained
import socket

from attempt import attempt


def hash_socket():
    """The way that exploits of AF_ALG begin."""
    with socket.socket(38, socket.SOCK_SEQPACKET) as talk:
        talk.bind(("hash", "sha256"))
        return "AF_ALG is there"


attempt(hash_socket)
