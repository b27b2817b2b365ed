"""What is said on a WebSocket, without the socket: frames as text, and which answer belongs to which question."""

from __future__ import annotations

import itertools
import json
import threading
from collections import deque
from typing import Any, Callable, Deque, Dict, Generic, Mapping, Optional, Protocol, Tuple, Type, TypeVar, Union

import httpx

from . import _calls, _config, _errors
from ._codec import decode, decode_json
from ._errors import GatewayUnreachableError, OpenClawError, UnauthorizedError, UnexpectedAnswerError
from ._request import given
from ._stream import Chunk

T = TypeVar("T")
MAX_FRAME = 64 * 1024 * 1024
"""Bytes of the largest frame that is taken: an answer has at most 10 MiB of text."""
MISSING = "WebSocket sessions need the package `websockets`: pip install websockets"

Mail = Union[Dict[str, Any], OpenClawError]
"""What an inbox holds: a frame, or why there will be none."""


class Inbox(Protocol):
    """Either library's queue. It has no bound: the gateway answers at most 32 messages of a socket at once."""

    def put_nowait(self, item: Any, /) -> None: ...


Q = TypeVar("Q", bound=Inbox)


class MailRoom(Generic[Q]):
    """Hands each frame to whom it answers."""

    def __init__(self, new_inbox: Callable[[], Q]) -> None:
        self._new_inbox = new_inbox
        self._numbers = itertools.count(1)
        self._inboxes: Dict[str, Q] = {}
        # Pongs bear no id; they come in the order of the pings.
        self._pings: Deque[Q] = deque()
        self._last_words: Optional[OpenClawError] = None
        self._end: Optional[OpenClawError] = None
        self._lock = threading.Lock()

    def open(self) -> Tuple[str, Q]:
        """An id for a question, and where its answers come."""
        with self._lock:
            if self._end is not None:
                raise self._end
            name, inbox = f"py-{next(self._numbers)}", self._new_inbox()
            self._inboxes[name] = inbox
            return name, inbox

    def close(self, name: str) -> None:
        """Nobody waits for answers to this question any more."""
        with self._lock:
            self._inboxes.pop(name, None)

    def ping(self) -> Q:
        """Where the pong comes."""
        with self._lock:
            if self._end is not None:
                raise self._end
            inbox = self._new_inbox()
            self._pings.append(inbox)
            return inbox

    def deliver(self, text: Union[str, bytes]) -> None:
        """Takes a frame of the gateway."""
        frame = decode_json(text, "a frame")
        if not isinstance(frame, dict):
            raise UnexpectedAnswerError("a frame is no object")
        name = frame.get("request_id")
        with self._lock:
            if frame.get("type") == "pong" and self._pings:
                self._pings.popleft().put_nowait(frame)
            elif name is None and frame.get("type") == "error":
                # It is about the session: why it is about to be closed.
                self._last_words = _errors.from_body(frame)
            elif name in self._inboxes:
                self._inboxes[name].put_nowait(frame)

    def end(self, error: OpenClawError) -> None:
        """Tells everybody that nothing more will come."""
        with self._lock:
            self._end = self._last_words or error
            for inbox in [*self._inboxes.values(), *self._pings]:
                inbox.put_nowait(self._end)


def socket_options(url: str, patience: float) -> Dict[str, Any]:
    """Arguments of either ``connect``."""
    options: Dict[str, Any] = {"max_size": MAX_FRAME, "open_timeout": patience}
    if _config.is_loopback(httpx.URL(url)):
        # As with HTTP, a proxy of the environment is not for this machine's own gateway.
        options["proxy"] = None
    return options


def auth(token: Optional[str]) -> str:
    """The first frame."""
    return json.dumps({"type": "auth", "token": token or ""})


def greeting(text: Union[str, bytes]) -> str:
    """The session's id, from the answer to the first frame."""
    frame = decode_json(text, "the first frame")
    if isinstance(frame, dict) and frame.get("type") == "error":
        raise _errors.from_body(frame)
    if not isinstance(frame, dict) or frame.get("type") != "auth_success":
        raise UnexpectedAnswerError("this WebSocket is no gateway's")
    return str(frame.get("session_id"))


def message(name: str, text: str, options: Mapping[str, Any], *, stream: bool) -> str:
    """A message for the agent."""
    fields = _calls.message_fields(options)
    return _frame("message", name, {"content": text, "stream": stream or None, **fields})


def approve(name: str, id: str, call_id: Optional[str], approve: bool, reason: Optional[str]) -> str:
    """A person's word."""
    return _frame("approve", name, {"id": id, "call_id": call_id, "approve": approve, "reason": reason})


PING = json.dumps({"type": "ping"})


def _frame(kind: str, name: str, fields: Mapping[str, Any]) -> str:
    return json.dumps({"type": kind, "request_id": name, **given(fields)}, ensure_ascii=False)


def answer(mail: Mail, kind: Type[T]) -> T:
    """The answer that a frame is."""
    return decode(kind, frame(mail), "a frame")


def chunk(mail: Mail) -> Optional[Chunk]:
    """The chunk that a frame is; ``None`` for the whole answer, which comes after the last one."""
    said = frame(mail)
    return None if said.get("type") == "response" else Chunk.of(said)


def frame(mail: Mail) -> Dict[str, Any]:
    """The frame that came, unless it tells of a failure."""
    if isinstance(mail, OpenClawError):
        raise mail
    if mail.get("type") == "error":
        raise _errors.from_body(mail)
    return {name: value for name, value in mail.items() if name != "request_id"}


def lost(error: Exception, code: Optional[int], reason: Optional[str]) -> OpenClawError:
    """Why nothing more comes, from what the reader raised and how the socket was closed."""
    if isinstance(error, UnexpectedAnswerError):
        return error
    if code == 4001:
        return UnauthorizedError("The session has ended: its token is not valid", status=401, code="unauthorized")
    said = " ".join(str(part) for part in (code, reason) if part)
    return GatewayUnreachableError(f"The session has ended ({said or error})")
