"""A server that does what a test wrote down for it, one step for each request, faults included."""

from __future__ import annotations

import json
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, Dict, List, Optional


@dataclass
class Received:
    """A request as it came."""

    method: str
    target: str
    headers: Dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """A connection with a request that waits for its answer."""

    def __init__(self, connection: socket.socket, stopped: threading.Event) -> None:
        self._connection = connection
        self._stopped = stopped
        self.closed_by_client = threading.Event()

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def head(self, status: int = 200, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} x", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def answer(self, status: int, body: Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.head(status, Content_Length=str(len(data)), **headers)
        self.send(data)

    def begin_stream(self) -> None:
        self.head(Content_Type="text/event-stream", Transfer_Encoding="chunked")

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, id: Optional[str], /, **data: Any) -> None:
        line = b"" if id is None else b"id: %s\n" % id.encode()
        self.chunk(line + b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n")

    def end_stream(self) -> None:
        self.send(b"0\r\n\r\n")

    def cut(self) -> None:
        """Ends the connection in the middle of an answer, and the step with it. What was sent arrives."""
        raise ConnectionAbortedError("as scripted")

    def reset(self) -> None:
        """Ends the connection with a reset, which may overtake what was sent."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.cut()

    def hang(self) -> None:
        """Says nothing more; returns when the client has gone, or the test is over."""
        self._connection.settimeout(0.05)
        while not self._stopped.is_set():
            try:
                if not self._connection.recv(1):
                    break
            except socket.timeout:
                continue
            except OSError:
                break
        self.closed_by_client.set()


Step = Callable[[Exchange, Received], None]


class ScriptedServer:
    """Listens on loopback as long as a ``with`` statement lasts. A request without a step is answered 500."""

    def __init__(self, *steps: Step) -> None:
        self.steps: List[Step] = list(steps)
        self.requests: List[Received] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> ScriptedServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        # Wakes `accept`, which closing alone does not on every system.
        try:
            socket.create_connection(self._listener.getsockname()[:2]).close()
        except OSError:
            pass
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while (request := _read(reader)) is not None:
                    with self._lock:
                        self.requests.append(request)
                        step = self.steps.pop(0) if self.steps else unexpected
                    step(Exchange(connection, self._stopped), request)
        except OSError:
            pass


def _read(reader: BinaryIO) -> Optional[Received]:
    first = reader.readline().decode()
    if not first.strip():
        return None
    method, target, _ = first.split(" ")
    headers: Dict[str, str] = {}
    while line := reader.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    return Received(method, target, headers, reader.read(int(headers.get("content-length", "0"))))


def unexpected(exchange: Exchange, request: Received) -> None:
    exchange.answer(500, failure(500, "internal_error", message=f"no step for {request.method} {request.target}"))


def answer(body: Any, status: int = 200, **headers: str) -> Step:
    """A step that answers."""
    return lambda exchange, _: exchange.answer(status, body, **headers)


def cut(exchange: Exchange, _: Received) -> None:
    """A step that ends the connection instead of answering."""
    exchange.reset()


def hang(exchange: Exchange, _: Received) -> None:
    """A step that never answers."""
    exchange.hang()


def failure(status: int, code: str, message: str = "as scripted", **details: Any) -> Dict[str, Any]:
    """The body of an error."""
    return {"error": code, "message": message, "status": status, "details": details}


def reply(content: str = "hello") -> Dict[str, Any]:
    """The body of an answer."""
    return {
        "id": "msg_resp_1",
        "conversation_id": "conv_1",
        "role": "assistant",
        "content": content,
        "skills_used": [],
        "tokens": {"input": 1, "output": 2, "total": 3},
        "latency_ms": 4,
        "model": "m",
    }


def run_status(status: str, **more: Any) -> Dict[str, Any]:
    """The body of a run's status."""
    url = "/api/v1/message/msg_pending_1/status"
    return {"id": "msg_pending_1", "status": status, "conversation_id": "conv_1", "poll_url": url, **more}


START = {"type": "start", "id": "msg_pending_1", "conversation_id": "conv_1"}
END = {
    "type": "end",
    "tokens": {"input": 1, "output": 2},
    "id": "msg_resp_1",
    "model": "m",
    "latency_ms": 4,
    "skills_used": [],
}
