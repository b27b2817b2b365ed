# attempt: take memory as bytes that wait in sockets
# expect: contained or ended:memory or error
import os
import socket
import time

from attempt import MEMORY, outlive

out, into = os.pipe()
children = 6


def fill():
    """Pairs of sockets, each written to until it takes no more."""
    taken, held = 0, []
    try:
        while taken < MEMORY * 3 // children:
            pair = socket.socketpair()
            held += pair
            for one in pair:
                try:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
                except OSError:
                    pass
                one.setblocking(False)
                try:
                    while True:
                        taken += one.send(b"x" * 65536)
                except BlockingIOError:
                    pass
    except OSError:
        pass
    os.write(into, b"%12d" % taken)
    time.sleep(60)


for _ in range(children):
    if os.fork() == 0:
        fill()
taken = sum(int(os.read(out, 12)) for _ in range(children))
outlive(taken > MEMORY, f"{taken >> 20} MiB wait in sockets, where {MEMORY >> 20} are allowed")
