"""Server-sent events, from bytes as they come (HTML Living Standard, section 9.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional

_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class SseEvent:
    """One event."""

    data: str
    id: Optional[str]
    """Its own id; an event without one has ``None``, not the last one's."""


class SseParser:
    """Takes bytes in pieces of any size, gives back events. What follows the last empty line is no event."""

    def __init__(self) -> None:
        self._line: List[bytes] = []
        self._data: List[str] = []
        self._id: Optional[str] = None
        self._after_cr = False
        self._at_start = True

    def feed(self, piece: bytes) -> List[SseEvent]:
        """The events that are complete with this piece."""
        if self._after_cr and piece:
            # The second half of a line end that was cut in two.
            piece = piece[1:] if piece.startswith(b"\n") else piece
            self._after_cr = False
        self._after_cr = self._after_cr or piece.endswith(b"\r")
        *lines, rest = _LINE_END.split(piece)
        events: List[SseEvent] = []
        for line in lines:
            event = self._end_line(b"".join([*self._line, line]))
            self._line = []
            if event is not None:
                events.append(event)
        self._line.append(rest)
        return events

    def _end_line(self, line: bytes) -> Optional[SseEvent]:
        if self._at_start:
            self._at_start = False
            line = line[3:] if line.startswith(b"\xef\xbb\xbf") else line
        if not line:
            return self._end_event()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _end_event(self) -> Optional[SseEvent]:
        data, own_id = self._data, self._id
        self._data, self._id = [], None
        return SseEvent("\n".join(data), own_id) if data else None
