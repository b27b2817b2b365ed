"""How far the telling of a run has got, whatever becomes of the connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, get_args

from . import _errors
from ._codec import decode, decode_json
from ._request import Request, segment
from ._sse import SseEvent, SseParser
from ._types import Event

_KINDS = {kind.__dataclass_fields__["type"].default: kind for kind in get_args(Event)}


@dataclass(frozen=True)
class Chunk:
    """A piece of an answer that is being written."""

    type: str
    """``"token"`` for text; ``"start"``, ``"skill_call"``, ``"skill_result"`` and ``"end"`` for what else happens."""
    content: str
    """The text to show; empty when this is no text."""
    event: Optional[Event]
    """All of it, with types. ``None`` when a newer gateway says something that this version does not know."""
    data: Dict[str, Any] = field(repr=False)
    """All of it, as it came."""
    id: Optional[str] = None
    """Give it to ``follow_message`` to go on after this chunk. ``None`` on a WebSocket."""

    @classmethod
    def of(cls, data: Dict[str, Any], id: Optional[str] = None) -> Chunk:
        """The chunk that an event is."""
        kind = _KINDS.get(data.get("type"))
        event = decode(kind, data, "an event") if kind is not None else None
        content = data.get("content")
        return cls(str(data.get("type")), content if isinstance(content, str) else "", event, data, id)


class Progress:
    """What was told of a run so far. It decides how to go on after a connection broke, and keeps repeats out."""

    def __init__(self, first: Request) -> None:
        self._first = first
        self._parser = SseParser()
        # What was told under the latest id, which a resumed stream may begin with once more.
        self._told: List[str] = []
        self._repeats: List[str] = []
        self.run_id: Optional[str] = None
        self.conversation_id: Optional[str] = None
        self.last_event_id: Optional[str] = None
        self.ended = False
        self._text: List[str] = []

    @classmethod
    def of_run(cls, run_id: str, last_event_id: Optional[str] = None) -> Progress:
        """Of a run that was begun before, from its start or after an event."""
        progress = cls(_resume(run_id, last_event_id))
        progress.run_id = run_id
        progress.last_event_id = last_event_id
        return progress

    @property
    def text(self) -> str:
        """The answer as far as it was told."""
        return "".join(self._text)

    def next_request(self) -> Request:
        """What to ask for to hear what comes next. What a broken connection left behind is forgotten."""
        self._parser = SseParser()
        self._repeats = list(self._told)
        return self._first if self.run_id is None else _resume(self.run_id, self.last_event_id)

    def feed(self, piece: bytes) -> Iterator[Chunk]:
        """The chunks that are complete with these bytes. A run that failed raises its error."""
        for event in self._parser.feed(piece):
            if not self._is_repeat(event):
                yield self._take(event)

    def _is_repeat(self, event: SseEvent) -> bool:
        if event.id is None or event.id != self.last_event_id or event.data not in self._repeats:
            return False
        self._repeats.remove(event.data)
        return True

    def _take(self, event: SseEvent) -> Chunk:
        data = decode_json(event.data, "an event")
        if not isinstance(data, dict):
            raise _errors.UnexpectedAnswerError(f"an event is no object: {event.data[:80]!r}")
        if data.get("type") == "error":
            error = _errors.from_body(data)
            if self.run_id is not None:
                error.details.setdefault("id", self.run_id)
            # Without an id the gateway only takes leave, and the run goes on after its next start.
            self.ended = event.id is not None
            error.retryable = error.retryable and not self.ended
            raise error
        chunk = Chunk.of(data, event.id)
        self._note(chunk, event)
        return chunk

    def _note(self, chunk: Chunk, event: SseEvent) -> None:
        if event.id != self.last_event_id:
            self._told = []
        self._told.append(event.data)
        self.last_event_id = event.id or self.last_event_id
        if chunk.type == "start":
            # A second one: a crash interrupted the run, and it is told anew.
            self._text = []
            self.run_id = str(chunk.data.get("id"))
            self.conversation_id = str(chunk.data.get("conversation_id"))
        if chunk.content:
            self._text.append(chunk.content)
        self.ended = chunk.type == "end"


class Told:
    """What a stream says about itself."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @property
    def run_id(self) -> Optional[str]:
        """The run, once it has begun."""
        return self._progress.run_id

    @property
    def conversation_id(self) -> Optional[str]:
        """The conversation, once the run has begun."""
        return self._progress.conversation_id

    @property
    def last_event_id(self) -> Optional[str]:
        """Where ``follow_message`` would go on."""
        return self._progress.last_event_id

    @property
    def text(self) -> str:
        """The answer so far. Begins anew when a crash of the gateway made the run begin anew (a second ``start``)."""
        return self._progress.text


def _resume(run_id: str, last_event_id: Optional[str]) -> Request:
    headers = {"Accept": "text/event-stream"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    return Request("GET", f"/message/{segment(run_id)}/stream", headers=headers, repeatable=True)
