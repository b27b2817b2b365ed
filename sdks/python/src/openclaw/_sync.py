"""The client for programs that wait."""

from __future__ import annotations

import time
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Generator,
    Iterator,
    Literal,
    Optional,
    Type,
    TypeVar,
    Union,
    overload,
)

import httpx

from . import _calls, _config, _flow, _pages, _request, _wire
from ._flow import Emit, Flow, Head, Open, Read, Sleep
from ._request import Call
from ._retry import RetryPolicy, Settings
from ._stream import Chunk, Progress, Told
from ._types import ConversationItem, EntryItem, MessageItem, MessageResponse, PendingMessage

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec, Unpack

    from ._session_sync import Session

    P = ParamSpec("P")
T = TypeVar("T")


class _Connection:
    """Performs effects, one answer at a time."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._open: Optional[Open] = None
        self._response: Optional[httpx.Response] = None
        self._pieces: Iterator[bytes] = iter(())

    def perform(self, effect: Union[Open, Read, Sleep]) -> Any:
        if isinstance(effect, Sleep):
            self.close()
            return time.sleep(effect.seconds)
        try:
            return self._send(effect) if isinstance(effect, Open) else next(self._pieces, b"")
        except httpx.RequestError as error:
            assert self._open is not None
            raise _wire.failure(error, self._open) from error

    def _send(self, effect: Open) -> Head:
        self.close()
        self._open = effect
        response = self._http.send(self._http.build_request(**_wire.arguments(effect)), stream=True)
        self._response, self._pieces = response, response.iter_bytes()
        return Head(response.status_code, response.headers)

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


def _drive(http: httpx.Client, flow: Flow[T]) -> Generator[T, None, None]:
    """What a flow emits. Closing this closes its connection."""
    connection = _Connection(http)
    result: Any = None
    error: Optional[Exception] = None
    try:
        while True:
            effect = flow.send(result) if error is None else flow.throw(error)
            result = error = None
            if isinstance(effect, Emit):
                yield effect.item
                continue
            try:
                result = connection.perform(effect)
            except Exception as raised:  # noqa: BLE001 - the flow decides which of them it minds
                error = raised
    except StopIteration:
        return
    finally:
        connection.close()


class MessageStream(Told, Iterator[Chunk]):
    """An answer as it is written: iterate over it.

    A broken connection is taken up again where it broke. Leaving the loop, or :meth:`close`, closes the connection;
    the run goes on (``client.cancel_message(stream.run_id)`` stops it). A run that fails raises its error.
    """

    def __init__(self, http: httpx.Client, progress: Progress, settings: Settings) -> None:
        super().__init__(progress)
        self._chunks = _drive(http, _flow.stream(progress, settings))

    def __iter__(self) -> MessageStream:
        return self

    def __next__(self) -> Chunk:
        return next(self._chunks)

    def __enter__(self) -> MessageStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._chunks.close()


def _operation(build: Callable[P, Call[T]]) -> Callable[Concatenate[OpenClawClient, P], T]:
    """A method that makes a call."""

    def method(self: OpenClawClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._call(build(*args, **kwargs))

    return _request.shown_as(method, build)


class OpenClawClient:
    """Talks to a gateway.

    It may be shared by threads. Close it, or use it in a ``with`` statement, to let its connections go.

    Every method raises :class:`OpenClawError`. What is safe to repeat is repeated by itself when the gateway is
    unreachable, busy (503) or asks to slow down (429).
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:18789",
        token: Optional[str] = None,
        *,
        timeout: float = 30.0,
        max_retries: int = 4,
        retry: Optional[RetryPolicy] = None,
        transport: Optional[httpx.BaseTransport] = None,
    ) -> None:
        """
        :param base_url: where the gateway is
        :param token: its ``gateway.auth.token``; none is needed where authentication is off
        :param timeout: seconds that a request may take; where more is usual, such as waiting for an answer, more is given
        :param max_retries: attempts after the first; 0 turns retries off
        :param retry: the same in detail
        :param transport: how httpx connects, for TLS settings of your own, Unix sockets and tests
        """
        self._url = _config.base(base_url)
        self._token = token
        self._settings = Settings(timeout, retry or RetryPolicy(max_retries))
        self._http = httpx.Client(**_config.http_options(self._url, token, transport))

    def __repr__(self) -> str:
        return f"OpenClawClient({str(self._url)!r})"

    def __enter__(self) -> OpenClawClient:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    @overload
    def message(
        self, text: str, *, wait_for_response: Literal[True] = True, **options: Unpack[_calls.MessageOptions]
    ) -> MessageResponse: ...

    @overload
    def message(
        self, text: str, *, wait_for_response: Literal[False], **options: Unpack[_calls.MessageOptions]
    ) -> PendingMessage: ...

    def message(
        self, text: str, *, wait_for_response: bool = True, **options: Unpack[_calls.MessageOptions]
    ) -> Union[MessageResponse, PendingMessage]:
        """Sends a message and returns the answer; its text is ``.content``.

        With ``wait_for_response=False`` it returns at once, for :meth:`wait`, :meth:`message_status` and
        :meth:`follow_message`. The options are those of :class:`MessageOptions`.
        """
        if wait_for_response:
            answer = self._call(_calls.message(text, **options))
            return answer
        pending = self._call(_calls.submit(text, **options))
        return pending

    def message_stream(self, text: str, **options: Unpack[_calls.StreamOptions]) -> MessageStream:
        """Sends a message and returns the answer as it is written. The options are those of :class:`StreamOptions`."""
        return self._stream(Progress(_calls.message_stream(text, **options)))

    def follow_message(self, id: str, *, last_event_id: Optional[str] = None) -> MessageStream:
        """A run's chunks, from its start or after the one with this id."""
        return self._stream(Progress.of_run(id, last_event_id))

    def wait(self, id: str, *, timeout: Optional[float] = None) -> MessageResponse:
        """The answer of a run, when it is there. A run that failed raises its error, one that was cancelled
        :class:`ConflictError`; after ``timeout`` seconds :class:`ClientTimeoutError`, and the run goes on."""
        return self._result(_flow.wait(id, timeout, self._settings))

    def iter_conversations(
        self, **filters: Unpack[_pages.ConversationFilters]
    ) -> Generator[ConversationItem, None, None]:
        """All conversations, latest activity first. They may be deleted meanwhile."""
        return _drive(self._http, _pages.conversations(self._settings, **filters))

    def iter_messages(self, conversation_id: str) -> Generator[MessageItem, None, None]:
        """All messages of a conversation, latest first."""
        return _drive(self._http, _pages.messages_backwards(conversation_id, self._settings))

    def iter_memories(self, **filters: Unpack[_pages.MemoryFilters]) -> Generator[EntryItem, None, None]:
        """All remembered entries, newest first. They may be forgotten meanwhile."""
        return _drive(self._http, _pages.memories(self._settings, **filters))

    def iter_export(self) -> Generator[_calls.ExchangeItem, None, None]:
        """Everything that was said and remembered, oldest first; :meth:`import_memory` takes it in elsewhere."""
        return _drive(self._http, _pages.export(self._settings))

    def session(self) -> Session:
        """A WebSocket session, for a ``with`` statement. Needs ``pip install websockets``."""
        from ._session_sync import Session

        return Session(_config.web_socket(self._url), self._token, self._settings)

    health = _operation(_calls.health)
    status = _operation(_calls.status)
    message_status = _operation(_calls.message_status)
    message_context = _operation(_calls.message_context)
    cancel_message = _operation(_calls.cancel_message)
    approve_message = _operation(_calls.approve_message)
    list_conversations = _operation(_calls.list_conversations)
    get_conversation = _operation(_calls.get_conversation)
    delete_conversation = _operation(_calls.delete_conversation)
    memory_stats = _operation(_calls.memory_stats)
    search_memory = _operation(_calls.search_memory)
    prune_memory = _operation(_calls.prune_memory)
    list_memories = _operation(_calls.list_memories)
    remember = _operation(_calls.remember)
    get_memory = _operation(_calls.get_memory)
    forget_memory = _operation(_calls.forget_memory)
    complete_memory = _operation(_calls.complete_memory)
    compact_memory = _operation(_calls.compact_memory)
    compaction_history = _operation(_calls.compaction_history)
    collect_garbage = _operation(_calls.collect_garbage)
    verify_memory = _operation(_calls.verify_memory)
    import_memory = _operation(_calls.import_memory)
    export_memory = _operation(_calls.export_memory)
    list_skills = _operation(_calls.list_skills)
    install_skill = _operation(_calls.install_skill)
    remove_skill = _operation(_calls.remove_skill)
    list_channels = _operation(_calls.list_channels)
    channel_status = _operation(_calls.channel_status)
    pair_channel = _operation(_calls.pair_channel)
    list_paired = _operation(_calls.list_paired)
    unpair_user = _operation(_calls.unpair_user)
    channel_webhook = _operation(_calls.channel_webhook)
    get_config = _operation(_calls.get_config)
    put_config = _operation(_calls.put_config)
    logs = _operation(_calls.logs)

    def _call(self, call: Call[T]) -> T:
        return self._result(_flow.call(call, self._settings))

    def _result(self, flow: Flow[T]) -> T:
        items = _drive(self._http, flow)
        try:
            return next(items)
        finally:
            items.close()

    def _stream(self, progress: Progress) -> MessageStream:
        return MessageStream(self._http, progress, self._settings)
