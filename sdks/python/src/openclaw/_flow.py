"""What the clients do, step by step, without doing it: the one place for retries, time-outs and resumed streams.

A *flow* is a generator. It yields an effect, is sent the effect's result, and so on; what it finds it yields as
:class:`Emit`. ``_sync.py`` and ``_async.py`` perform effects on a connection, and know nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Generator, Generic, List, Mapping, Optional, TypeVar, Union

from . import _calls, _errors
from . import _codec as codec
from ._errors import ClientTimeoutError, GatewayUnreachableError, OpenClawError, UnexpectedAnswerError
from ._request import Call, Request, Response
from ._retry import Settings
from ._stream import Chunk, Progress
from ._types import MessageResponse, MessageStatus

T = TypeVar("T")

PINGS_MISSED = 45.0
"""Seconds without a byte after which a stream counts as dead: the gateway sends something every 15."""


@dataclass(frozen=True)
class Open:
    """Send a request; the result is the answer's :class:`Head`. An answer that is still being read is let go."""

    request: Request
    connect_timeout: float
    read_timeout: float


@dataclass(frozen=True)
class Head:
    """The beginning of an answer."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Read:
    """The result is the next bytes of the answer, ``b""`` at its end."""


@dataclass(frozen=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Emit(Generic[T]):
    """Hand something to the caller."""

    item: T


Effect = Union[Open, Read, Sleep, Emit[T]]
Flow = Generator[Effect[T], Any, None]
"""Emits ``T`` and has no result of its own."""


def call(call: Call[T], settings: Settings) -> Flow[T]:
    """Emits one item: the answer."""
    yield Emit((yield from answer(call, settings)))


def answer(call: Call[T], settings: Settings) -> Generator[Effect[Any], Any, T]:
    """The answer, after as many attempts as it takes."""
    failures = 0
    while True:
        try:
            response = yield from _exchange(call.request, settings)
            if response.status < 400 or response.status == call.also_good:
                return call.read(response)
            raise _errors.from_answer(response.status, response.headers, response.body)
        except OpenClawError as error:
            failures += 1
            yield _pause(error, failures, call.request.repeatable, settings)


def _exchange(request: Request, settings: Settings) -> Generator[Effect[Any], Any, Response]:
    """One attempt: the whole answer."""
    patience = request.timeout if request.timeout is not None else settings.timeout
    deadline = settings.clock() + patience
    head: Head = yield Open(request, settings.timeout, patience)
    return Response(head.status, head.headers, (yield from _rest(request, deadline, settings)))


def _rest(request: Request, deadline: float, settings: Settings) -> Generator[Effect[Any], Any, bytes]:
    """What is left of the answer. Each read has a time-out of its own; a trickle is caught by the deadline."""
    pieces: List[bytes] = []
    while True:
        piece: bytes = yield Read()
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        if settings.clock() > deadline:
            raise ClientTimeoutError(f"{request.name} was not answered in time")


def _pause(error: OpenClawError, failures: int, repeatable: bool, settings: Settings) -> Sleep:
    """The wait before the next attempt; raises ``error`` when there is none."""
    seconds = settings.retry.delay(error, failures, repeatable, settings.dice())
    if seconds is None:
        raise error
    return Sleep(seconds)


def stream(progress: Progress, settings: Settings) -> Flow[Chunk]:
    """Emits a run's chunks, each once, over as many connections as it takes."""
    yield from _follow(progress, settings, math.inf, tell=True)


def wait(run_id: str, timeout: Optional[float], settings: Settings) -> Flow[MessageResponse]:
    """Emits a run's answer when it is there. Its events tell when that is, so that nobody has to ask again and again."""
    deadline = math.inf if timeout is None else settings.clock() + timeout
    progress = Progress.of_run(run_id)
    try:
        yield from _follow(progress, settings, deadline, tell=False)
    except OpenClawError:
        if not progress.ended:
            raise
    status = yield from answer(_calls.message_status(run_id), settings)
    yield Emit(_outcome(status))


def _follow(progress: Progress, settings: Settings, deadline: float, *, tell: bool) -> Flow[Any]:
    failures = 0
    while True:
        try:
            yield from _connect(progress.next_request(), min(PINGS_MISSED, deadline - settings.clock()), settings)
            while not progress.ended:
                piece: bytes = yield Read()
                if not piece:
                    raise GatewayUnreachableError("the stream broke off")
                for chunk in progress.feed(piece):
                    failures = 0
                    if tell:
                        yield Emit(chunk)
                if settings.clock() >= deadline and not progress.ended:
                    raise GatewayUnreachableError("there is no time left")
            return
        except OpenClawError as error:
            if settings.clock() >= deadline and error.retryable:
                raise ClientTimeoutError(f"{progress.run_id} did not end in time; it goes on") from error
            failures += 1
            pause = _pause(error, failures, True, settings)
            yield Sleep(min(pause.seconds, max(0.0, deadline - settings.clock())))


def _connect(request: Request, read_timeout: float, settings: Settings) -> Generator[Effect[Any], Any, None]:
    head: Head = yield Open(request, settings.timeout, max(0.001, read_timeout))
    if head.status >= 400:
        body = yield from _rest(request, settings.clock() + settings.timeout, settings)
        raise _errors.from_answer(head.status, head.headers, body)
    if not head.headers.get("content-type", "").startswith("text/event-stream"):
        raise UnexpectedAnswerError(f"the answer to {request.name} is no stream of events", status=head.status)


def _outcome(status: MessageStatus) -> MessageResponse:
    """The answer of a run that has ended, or the error that :meth:`message` would have raised."""
    if status.response is not None:
        return status.response
    about = {"id": status.id, "conversation_id": status.conversation_id}
    if status.error is not None:
        body = codec.encode(status.error)
        raise _errors.from_body({**body, "details": {**body["details"], **about}})
    raise _errors.from_body(
        {
            "error": "conflict",
            "message": f"The run {status.id} is {status.status}",
            "status": 409,
            "details": {"reason": status.status, **about},
        }
    )
