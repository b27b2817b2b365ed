"""Lists that are given out in pages, as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional, Protocol, Sequence, Set, TypedDict, TypeVar

from . import _calls
from ._calls import ExchangeItem
from ._flow import Emit, Flow, answer
from ._request import Call, Time
from ._retry import Settings
from ._types import ConversationItem, EntryItem, MemoryKind, MessageItem

if TYPE_CHECKING:
    from typing_extensions import Unpack

PAGE = 100
"""Items that are asked for at once."""


class ConversationFilters(TypedDict, total=False):
    """Which conversations."""

    channel: Optional[str]
    since: Optional[Time]
    until: Optional[Time]


class MemoryFilters(TypedDict, total=False):
    """Which remembered entries."""

    kind: Optional[MemoryKind]
    tag: Optional[str]
    conversation_id: Optional[str]
    all: Optional[bool]


class _Item(Protocol):
    @property
    def id(self) -> str: ...


class _Page(Protocol):
    @property
    def total(self) -> int: ...


Each = TypeVar("Each", bound=_Item)
P = TypeVar("P", bound=_Page)


def conversations(settings: Settings, **filters: Unpack[ConversationFilters]) -> Flow[ConversationItem]:
    """Emits all conversations, latest activity first."""
    return _pages(
        lambda offset: _calls.list_conversations(limit=PAGE, offset=offset, **filters),
        lambda page: page.conversations,
        settings,
    )


def memories(settings: Settings, **filters: Unpack[MemoryFilters]) -> Flow[EntryItem]:
    """Emits all remembered entries, newest first."""
    return _pages(
        lambda offset: _calls.list_memories(limit=PAGE, offset=offset, **filters),
        lambda page: page.entries,
        settings,
    )


def messages_backwards(conversation_id: str, settings: Settings) -> Flow[MessageItem]:
    """Emits a conversation's messages, latest first."""
    before: Optional[str] = None
    while True:
        page = yield from answer(_calls.get_conversation(conversation_id, limit=PAGE, before=before), settings)
        for message in reversed(page.messages):
            yield Emit(message)
        if len(page.messages) < PAGE:
            return
        before = page.messages[0].id


def export(settings: Settings) -> Flow[ExchangeItem]:
    """Emits everything that was said and remembered, oldest first."""
    after: Optional[int] = None
    while True:
        page = yield from answer(_calls.export_memory(after=after), settings)
        for item in page.items:
            yield Emit(item)
        after = page.next_cursor
        if after is None:
            return


def _pages(fetch: Callable[[int], Call[P]], items: Callable[[P], Sequence[Each]], settings: Settings) -> Flow[Each]:
    """Emits each item of a list that is given out in pages, once, even when items come or go meanwhile."""
    offset = 0
    total: Optional[int] = None
    seen: Set[str] = set()
    while True:
        page = yield from answer(fetch(offset), settings)
        gone = 0 if total is None else max(0, total - page.total)
        total = page.total
        if gone and offset:
            # What follows has moved up: read again from where it is now.
            offset = max(0, offset - gone)
            continue
        found = items(page)
        for item in found:
            if item.id not in seen:
                seen.add(item.id)
                yield Emit(item)
        offset += len(found)
        if not found or offset >= total:
            return
