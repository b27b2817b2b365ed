"""Every operation of the API, once: its parameters, its request, and how its answer is read.

Both clients offer these as methods. Their documentation is what you read here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, TypedDict, Union

from ._codec import decode, decode_json, encode, to_json_line
from ._errors import from_answer
from ._request import Call, Request, Response, Time, call, get, json_reader, new_key, segment, to_json
from ._types import (
    Approved,
    CancelledMessage,
    ChannelDetails,
    ChannelList,
    Collected,
    CompactionBegun,
    CompactionHistory,
    CompactionReport,
    ConfigUpdated,
    Conversation,
    ConversationDeleted,
    ConversationList,
    EntryDeleted,
    EntryItem,
    EntryList,
    ExchangeEntry,
    ExchangeMessage,
    Health,
    Imported,
    Kind,
    LogLevel,
    LogList,
    LogListLogComponent,
    MemoryKind,
    MemoryStats,
    MessageContext,
    MessageRequestChannel,
    MessageResponse,
    MessageStatus,
    Metadata,
    Pairing,
    PendingMessage,
    People,
    PruneResponse,
    SearchResponse,
    SkillItem,
    SkillList,
    SkillRemoved,
    Status,
    Unpaired,
    Verified,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

ExchangeItem = Union[ExchangeMessage, ExchangeEntry]

# Work that the gateway does while the request waits may take as long as the memory is large.
_LONG = 600.0
# Downloading and checking a skill.
_INSTALL = 180.0
# The gateway's own time-out of an answer, and what a client waits beyond it to hear of it.
_ANSWER_MS = 30_000
_GRACE = 10.0


@dataclass(frozen=True)
class ExportPage:
    """Part of an export."""

    items: List[ExchangeItem]
    next_cursor: Optional[int]
    """``after`` of the next page; ``None`` on the last."""
    unreadable_records: int
    """Places of the log since the page before that could not be read."""


def health() -> Call[Health]:
    """Whether the gateway is there. ``status`` is ``"degraded"`` when nothing can be remembered."""
    call = get("/health", Health)

    def read(response: Response) -> Health:
        # A degraded gateway says so with 503; so does one that has no time to say even that, as an error.
        if response.status == 503 and b'"uptime_seconds"' not in response.body:
            raise from_answer(response.status, response.headers, response.body)
        return call.read(response)

    return Call(call.request, read, also_good=503)


def status() -> Call[Status]:
    """The gateway as a whole."""
    return get("/status", Status)


class StreamOptions(TypedDict, total=False):
    """What may be said along with a message."""

    channel: MessageRequestChannel
    """Where the message comes from. Default ``"api"``."""
    conversation_id: Optional[str]
    """Where it belongs. Default: a new conversation; an unknown id creates it."""
    metadata: Optional[Metadata]
    """Who sent it, and files: see :func:`attach_file`."""
    idempotency_key: Optional[str]
    """The same key within 24 hours returns the first answer. Default: a fresh one, for the retries of this call."""


class MessageOptions(StreamOptions, total=False):
    """The same, for a message that is waited for."""

    timeout_ms: Optional[int]
    """Most milliseconds to wait for the answer, up to 600000. Default 30000. The run goes on after it."""


def message(text: str, **options: Unpack[MessageOptions]) -> Call[MessageResponse]:
    """Sends a message and waits for the answer."""
    timeout_ms = options.get("timeout_ms")
    patience = (_ANSWER_MS if timeout_ms is None else timeout_ms) / 1000 + _GRACE
    request = _post_message(text, options, timeout=patience)
    return Call(request, json_reader(request, MessageResponse))


def submit(text: str, **options: Unpack[MessageOptions]) -> Call[PendingMessage]:
    """Sends a message and does not wait for the answer."""
    request = _post_message(text, options, wait=False)
    return Call(request, json_reader(request, PendingMessage))


def message_stream(text: str, **options: Unpack[StreamOptions]) -> Request:
    """Sends a message whose answer comes as events."""
    return _post_message(text, options, accept="text/event-stream")


def message_fields(options: Mapping[str, Any]) -> Dict[str, Any]:
    """The options as the gateway takes them, over HTTP as over the WebSocket."""
    known = MessageOptions.__annotations__.keys() | StreamOptions.__annotations__.keys()
    for name in options.keys() - known:
        raise TypeError(f"a message has no option {name!r}; there are {', '.join(sorted(known))}")
    return {"channel": "api", **options}


def _post_message(
    text: str,
    options: Mapping[str, Any],
    *,
    wait: Optional[bool] = None,
    accept: str = "application/json",
    timeout: Optional[float] = None,
) -> Request:
    fields = message_fields(options)
    # The key makes the request repeatable: the gateway answers a second one like the first, and runs nothing twice.
    key = fields.pop("idempotency_key", None) or new_key()
    headers = {"Content-Type": "application/json", "Accept": accept, "Idempotency-Key": key}
    body = to_json({"message": text, "wait_for_response": wait, **fields})
    return Request("POST", "/message", headers=headers, body=body, repeatable=True, timeout=timeout)


def message_status(id: str) -> Call[MessageStatus]:
    """Where a run stands, with its answer or its error when it has ended."""
    return get(f"/message/{segment(id)}/status", MessageStatus)


def message_context(id: str) -> Call[MessageContext]:
    """What a run's prompt was made of."""
    return get(f"/message/{segment(id)}/context", MessageContext)


def cancel_message(id: str) -> Call[CancelledMessage]:
    """Cancels a run. One that has ended already is a :class:`ConflictError`."""
    return call("DELETE", f"/message/{segment(id)}", CancelledMessage)


def approve_message(
    id: str, *, call_id: Optional[str] = None, approve: bool = True, reason: Optional[str] = None
) -> Call[Approved]:
    """Allows (or with ``approve=False`` denies) the calls of a run that wait for a person, or one of them."""
    body = {"call_id": call_id, "approve": approve, "reason": reason}
    return call("POST", f"/message/{segment(id)}/approve", Approved, body=body)


def list_conversations(
    *,
    limit: Optional[int] = None,
    offset: Optional[int] = None,
    channel: Optional[str] = None,
    since: Optional[Time] = None,
    until: Optional[Time] = None,
) -> Call[ConversationList]:
    """A page of conversations, latest activity first. ``iter_conversations`` goes through all pages."""
    query = {"limit": limit, "offset": offset, "channel": channel, "since": since, "until": until}
    return get("/conversations", ConversationList, query)


def get_conversation(
    id: str, *, limit: Optional[int] = None, before: Optional[str] = None, explain: Optional[bool] = None
) -> Call[Conversation]:
    """A conversation with its messages, oldest first: the latest ``limit``, or those before the message ``before``."""
    query = {"limit": limit, "before": before, "explain": explain}
    return get(f"/conversations/{segment(id)}", Conversation, query)


def delete_conversation(id: str) -> Call[ConversationDeleted]:
    """Erases a conversation and its memories: when this returns, nothing on the gateway's disk holds them."""
    return call("DELETE", f"/conversations/{segment(id)}", ConversationDeleted, timeout=_LONG)


def memory_stats() -> Call[MemoryStats]:
    """Sizes and counts of the memory."""
    return get("/memory/stats", MemoryStats)


def search_memory(
    query: str,
    *,
    limit: Optional[int] = None,
    type: Optional[Kind] = None,
    since: Optional[Time] = None,
    until: Optional[Time] = None,
    channel: Optional[str] = None,
    conversation_id: Optional[str] = None,
) -> Call[SearchResponse]:
    """Searches the memory, best match first."""
    body = {
        "query": query,
        "limit": limit,
        "type": type,
        "since": since,
        "until": until,
        "channel": channel,
        "conversation_id": conversation_id,
    }
    return call("POST", "/memory/search", SearchResponse, body=body, repeatable=True)


def prune_memory(before: Time, *, type: Optional[Kind] = None, confirm: bool = False) -> Call[PruneResponse]:
    """Removes everything said before a time. Without ``confirm=True`` this is a :class:`BadRequestError` whose
    ``details["would_prune"]`` counts what would go."""
    body = {"before": before, "type": type, "confirm": confirm}
    return call("DELETE", "/memory/prune", PruneResponse, body=body, timeout=_LONG)


def list_memories(
    *,
    limit: Optional[int] = None,
    offset: Optional[int] = None,
    kind: Optional[MemoryKind] = None,
    tag: Optional[str] = None,
    conversation_id: Optional[str] = None,
    all: Optional[bool] = None,
) -> Call[EntryList]:
    """A page of remembered entries, newest first. ``iter_memories`` goes through all pages."""
    query = {
        "limit": limit,
        "offset": offset,
        "kind": kind,
        "tag": tag,
        "conversation_id": conversation_id,
        "all": all,
    }
    return get("/memory/entries", EntryList, query)


def remember(
    kind: MemoryKind,
    content: str,
    *,
    importance: Optional[float] = None,
    tags: Optional[List[str]] = None,
    expires_at: Optional[Time] = None,
    conversation_id: Optional[str] = None,
    sources: Optional[List[str]] = None,
    supersedes: Optional[str] = None,
) -> Call[EntryItem]:
    """Remembers something on purpose. What is known already is answered with the earlier entry."""
    body = {
        "kind": kind,
        "content": content,
        "importance": importance,
        "tags": tags,
        "expires_at": expires_at,
        "conversation_id": conversation_id,
        "sources": sources,
        "supersedes": supersedes,
    }
    return call("POST", "/memory/entries", EntryItem, body=body, repeatable=True)


def get_memory(id: str) -> Call[EntryItem]:
    """A remembered entry."""
    return get(f"/memory/entries/{segment(id)}", EntryItem)


def forget_memory(id: str) -> Call[EntryDeleted]:
    """Erases a remembered entry."""
    return call("DELETE", f"/memory/entries/{segment(id)}", EntryDeleted)


def complete_memory(id: str) -> Call[EntryItem]:
    """Marks a task as done."""
    return call("POST", f"/memory/entries/{segment(id)}/complete", EntryItem)


def compact_memory(
    *,
    offline: Optional[bool] = None,
    dry_run: Optional[bool] = None,
    everything: Optional[bool] = None,
    wait: Optional[bool] = None,
) -> Call[Union[CompactionReport, CompactionBegun]]:
    """Makes Markdown of the log. Answers when it has begun; with ``wait`` or ``dry_run`` when it is done."""
    body = {"offline": offline, "dry_run": dry_run, "everything": everything, "wait": wait}
    request = Request(
        "POST",
        "/memory/compact",
        headers={"Content-Type": "application/json"},
        body=to_json(body),
        timeout=_LONG if wait or dry_run else None,
    )

    def read(response: Response) -> Union[CompactionReport, CompactionBegun]:
        if response.status == 202:
            return json_reader(request, CompactionBegun)(response)
        return json_reader(request, CompactionReport)(response)

    return Call(request, read)


def compaction_history(*, limit: Optional[int] = None) -> Call[CompactionHistory]:
    """Past compactions, and the one under way."""
    return get("/memory/history", CompactionHistory, {"limit": limit})


def collect_garbage() -> Call[Collected]:
    """Removes what has outlived its kind."""
    return call("POST", "/memory/gc", Collected, timeout=_LONG)


def verify_memory() -> Call[Verified]:
    """Checks every record, the index and the Markdown."""
    return call("POST", "/memory/verify", Verified, repeatable=True, timeout=_LONG)


def import_memory(items: Iterable[Union[ExchangeItem, Mapping[str, Any]]]) -> Call[Imported]:
    """Takes in messages and entries that were said elsewhere: at most 1,000, and 1 MiB, at once. Repeating it changes
    nothing."""
    request = Request(
        "POST",
        "/memory/import",
        headers={"Content-Type": "application/x-ndjson"},
        body="".join(map(to_json_line, items)).encode(),
        repeatable=True,
        timeout=_LONG,
    )
    return Call(request, json_reader(request, Imported))


def export_memory(*, limit: Optional[int] = None, after: Optional[int] = None) -> Call[ExportPage]:
    """A page of everything that was said and remembered, oldest first. ``iter_export`` goes through all pages."""
    query = {name: str(value) for name, value in (("limit", limit), ("after", after)) if value is not None}
    request = Request("GET", "/memory/export", query, repeatable=True)

    def read(response: Response) -> ExportPage:
        cursor = response.headers.get("x-next-cursor")
        # Not `splitlines`: what was said may hold line ends that JSON need not escape.
        lines = [line for line in response.body.split(b"\n") if line]
        return ExportPage(
            items=[_exchanged(line) for line in lines],
            next_cursor=None if cursor is None else int(cursor),
            unreadable_records=int(response.headers.get("x-unreadable-records", "0")),
        )

    return Call(request, read)


def _exchanged(line: bytes) -> ExchangeItem:
    where = "a line of the export"
    value = decode_json(line, where)
    if isinstance(value, dict) and "kind" in value:
        return decode(ExchangeEntry, value, where)
    return decode(ExchangeMessage, value, where)


def list_skills() -> Call[SkillList]:
    """Every installed skill."""
    return get("/skills", SkillList)


def install_skill(name: str, *, version: Optional[str] = None) -> Call[SkillItem]:
    """Installs a skill: the newest version, or this one."""
    body = {"name": name, "version": version}
    return call("POST", "/skills/install", SkillItem, body=body, timeout=_INSTALL)


def remove_skill(name: str) -> Call[SkillRemoved]:
    """Removes a skill."""
    return call("DELETE", f"/skills/{segment(name)}", SkillRemoved)


def list_channels() -> Call[ChannelList]:
    """Every configured channel."""
    return get("/channels", ChannelList)


def channel_status(type: str) -> Call[ChannelDetails]:
    """One configured channel, with all that is known of it."""
    return get(f"/channels/{segment(type)}/status", ChannelDetails)


def pair_channel(type: str) -> Call[Pairing]:
    """Makes a one-time code that lets somebody in."""
    return call("POST", f"/channels/{segment(type)}/pair", Pairing)


def list_paired(type: str) -> Call[People]:
    """People whom a code let in."""
    return get(f"/channels/{segment(type)}/paired", People)


def unpair_user(type: str, user: str) -> Call[Unpaired]:
    """Takes a pairing back."""
    return call("DELETE", f"/channels/{segment(type)}/paired", Unpaired, query={"user": user})


def channel_webhook(type: str, body: bytes, headers: Mapping[str, str]) -> Call[Dict[str, Any]]:
    """Posts what a platform would post. The headers carry its signature, which is of the body to the byte."""
    path = f"/channels/{segment(type)}/webhook"
    headers = {"Content-Type": "application/json", **headers}
    # A message that comes twice is answered once.
    request = Request("POST", path, headers=headers, body=body, repeatable=True)
    return Call(request, json_reader(request, Dict[str, Any]))


def get_config() -> Call[Dict[str, Any]]:
    """The configuration in force, secrets redacted."""
    return get("/config", Dict[str, Any])


def put_config(patch: Mapping[str, Any]) -> Call[ConfigUpdated]:
    """Changes the configuration: what is given is merged in, ``None`` removes a key (RFC 7396)."""
    body = json.dumps(encode(dict(patch))).encode()
    request = Request("PUT", "/config", headers={"Content-Type": "application/json"}, body=body, repeatable=True)
    return Call(request, json_reader(request, ConfigUpdated))


def logs(
    *,
    lines: Optional[int] = None,
    level: Optional[LogLevel] = None,
    since: Optional[Time] = None,
    component: Optional[LogListLogComponent] = None,
) -> Call[LogList]:
    """Lines of the gateway's log, oldest first."""
    return get("/logs", LogList, {"lines": lines, "level": level, "since": since, "component": component})
