# attempt: be a server that the host can connect to
# expect: contained
import socket

from attempt import attempt, host


def serve(address):
    """Nobody comes: this network is not the host's."""
    with socket.create_server(address) as server:
        server.settimeout(0.5)
        talk, who = server.accept()
        return f"{who} came, {talk}"


def same_port():
    """A port that is taken on the host is free here; were it taken, we would be on the host."""
    with socket.socket() as server:
        try:
            server.bind(("127.0.0.1", host["host_port"]))
        except OSError as error:
            return f"the host's port is taken here: {error}"


attempt(same_port, lambda: serve(("0.0.0.0", 0)))
