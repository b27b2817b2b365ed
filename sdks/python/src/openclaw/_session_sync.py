"""The WebSocket session for programs that wait."""

from __future__ import annotations

import queue
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Generator, Optional

from . import _errors, _session
from ._errors import GatewayUnreachableError, OpenClawError
from ._retry import Settings
from ._session import Mail, MailRoom
from ._stream import Chunk
from ._types import Approved, MessageResponse

try:
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
    from websockets.sync.client import connect
    from websockets.sync.connection import Connection
except ImportError as error:
    raise ImportError(_session.MISSING) from error

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._calls import MessageOptions, StreamOptions


class Session:
    """A WebSocket to the gateway, authenticated. Threads may share it: many messages may be under way on it at once.

    When it breaks, everything under way raises, and so does everything after: open another one. The runs go on.
    """

    def __init__(self, url: str, token: Optional[str], settings: Settings) -> None:
        self._url = url
        self._token = token
        self._settings = settings
        self._mail: MailRoom[queue.SimpleQueue[Mail]] = MailRoom(queue.SimpleQueue)
        self._socket: Optional[Connection] = None
        self._resources = ExitStack()
        self._reader: Optional[threading.Thread] = None
        self.id = ""
        """What the gateway calls the session."""

    def __enter__(self) -> Session:
        patience = self._settings.timeout
        options = _session.socket_options(self._url, patience)
        try:
            with ExitStack() as stack:
                socket = stack.enter_context(connect(self._url, **options))
                socket.send(_session.auth(self._token))
                self.id = _session.greeting(socket.recv(patience))
                self._resources = stack.pop_all()
        except InvalidStatus as error:
            answer = error.response
            raise _errors.from_answer(answer.status_code, answer.headers, bytes(answer.body or b"")) from error
        except OpenClawError:
            raise
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as error:
            raise GatewayUnreachableError(f"No session at {self._url}: {error}", sent=False) from error
        self._socket = socket
        self._reader = threading.Thread(target=self._read, args=(socket,), name="openclaw session", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the socket. Runs that are under way go on."""
        self._resources.close()
        if self._reader is not None:
            self._reader.join()

    def message(self, text: str, **options: Unpack[MessageOptions]) -> MessageResponse:
        """Sends a message and returns the answer."""
        name, inbox = self._mail.open()
        try:
            self._send(_session.message(name, text, options, stream=False))
            return _session.answer(inbox.get(), MessageResponse)
        finally:
            self._mail.close(name)

    def message_stream(self, text: str, **options: Unpack[StreamOptions]) -> Generator[Chunk, None, None]:
        """Sends a message and yields the answer as it is written."""
        name, inbox = self._mail.open()
        try:
            self._send(_session.message(name, text, options, stream=True))
            while True:
                chunk = _session.chunk(inbox.get())
                if chunk is None:
                    return
                yield chunk
        finally:
            self._mail.close(name)

    def approve_message(
        self, id: str, *, call_id: Optional[str] = None, approve: bool = True, reason: Optional[str] = None
    ) -> Approved:
        """Allows (or with ``approve=False`` denies) the calls of a run that wait for a person, or one of them."""
        name, inbox = self._mail.open()
        try:
            self._send(_session.approve(name, id, call_id, approve, reason))
            return _session.answer(inbox.get(), Approved)
        finally:
            self._mail.close(name)

    def ping(self) -> None:
        """Asks whether the gateway is there, and waits until it says so."""
        inbox = self._mail.ping()
        self._send(_session.PING)
        _session.frame(inbox.get())

    def _send(self, frame: str) -> None:
        if self._socket is None:
            raise RuntimeError("the session is not open: use `with client.session() as session`")
        try:
            self._socket.send(frame)
        except ConnectionClosed:
            # The reader tells why.
            pass

    def _read(self, socket: Connection) -> None:
        try:
            while True:
                self._mail.deliver(socket.recv())
        except Exception as error:  # noqa: BLE001 - told to everybody who waits
            self._mail.end(_session.lost(error, socket.close_code, socket.close_reason))
