"""Stands between a client and the gateway of ``GATEWAY_HOME``, wherever that listens after a restart."""

import json
import os
import socket
import threading
from pathlib import Path
from typing import Optional


class Proxy:
    """Passes bytes on. With a ``limit``, an answer is cut after so many."""

    def __init__(self, limit: Optional[int] = None) -> None:
        self._limit = limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                running = json.loads(Path(os.environ["GATEWAY_HOME"], "gateway.run.json").read_text())
                host, _, port = running["address"].rpartition(":")
                gateway = socket.create_connection((host, int(port)))
            except (OSError, ValueError):
                return
            with gateway:
                back = threading.Thread(target=_pass_on, args=(gateway, client, self._limit), daemon=True)
                back.start()
                _pass_on(client, gateway, None)
                back.join()


def _pass_on(source: socket.socket, target: socket.socket, limit: Optional[int]) -> None:
    passed = 0
    try:
        while piece := source.recv(4096):
            target.sendall(piece if limit is None else piece[: limit - passed])
            passed += len(piece)
            if limit is not None and passed >= limit:
                break
    except OSError:
        pass
    # Both ways end together.
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
