# attempt: take memory as bytes that wait in connections over the loopback interface
# expect: contained or ended:memory or error
import socket

from attempt import MEMORY, outlive

taken, held = 0, []
try:
    server = socket.create_server(("127.0.0.1", 0))
    while taken < MEMORY * 3:
        talk = socket.create_connection(server.getsockname())
        talk.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        talk.setblocking(False)
        held += [talk, server.accept()[0]]
        try:
            while True:
                taken += talk.send(b"x" * 65536)
        except BlockingIOError:
            pass
except OSError:
    pass
outlive(taken > MEMORY, f"{taken >> 20} MiB wait in connections, where {MEMORY >> 20} are allowed")
