"""Made from docs/openapi.yaml's source by `cargo xtask codegen`; do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

__all__ = [
    "ApprovalItem",
    "ApproveRequest",
    "Approved",
    "ArchiveStats",
    "AttachmentItem",
    "CallStatus",
    "CancelledMessage",
    "ChannelDetails",
    "ChannelItem",
    "ChannelList",
    "ChannelsStatus",
    "Collected",
    "CompactBody",
    "CompactedStats",
    "CompactionBegun",
    "CompactionHistory",
    "CompactionReport",
    "ConfigUpdated",
    "Connection",
    "Context",
    "ContextCut",
    "ContextFactors",
    "ContextMemoryItem",
    "ContextTokens",
    "Conversation",
    "ConversationDeleted",
    "ConversationItem",
    "ConversationList",
    "EndEvent",
    "EndTokens",
    "EntryDeleted",
    "EntryItem",
    "EntryList",
    "EntryRequest",
    "EntryRequestKind",
    "Error",
    "ErrorBody",
    "ErrorCode",
    "ErrorEvent",
    "Event",
    "ExchangeEntry",
    "ExchangeMessage",
    "GatewayStatus",
    "Health",
    "Imported",
    "InstallRequest",
    "Kind",
    "LogLevel",
    "LogList",
    "LogListLog",
    "LogListLogComponent",
    "MemoryKind",
    "MemoryStats",
    "MemoryStatus",
    "MessageContext",
    "MessageItem",
    "MessageRequest",
    "MessageRequestChannel",
    "MessageResponse",
    "MessageStatus",
    "Metadata",
    "MetadataAttachment",
    "MetadataItem",
    "OutboxCounts",
    "Pairing",
    "PendingMessage",
    "People",
    "Permissions",
    "PruneBody",
    "PruneResponse",
    "PrunedCounts",
    "ReasoningStatus",
    "ResultStatus",
    "Role",
    "RunStatus",
    "RunningCompaction",
    "SearchRequest",
    "SearchResponse",
    "SearchResult",
    "SemanticStats",
    "SkillCallEvent",
    "SkillItem",
    "SkillList",
    "SkillRemoved",
    "SkillResultEvent",
    "SkillsStatus",
    "StartEvent",
    "Status",
    "TokenEvent",
    "Tokens",
    "ToolCallItem",
    "ToolResultItem",
    "Unpaired",
    "Verified",
    "WalStats",
]


@dataclass(frozen=True)
class Health:
    """Whether the gateway is there."""

    status: str
    """`ok`, or `degraded` when nothing can be remembered."""
    version: str
    uptime_seconds: int
    reason: Optional[str] = None
    """Why it is degraded, and what to do."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Status:
    """The gateway as a whole."""

    status: str
    version: str
    uptime_seconds: int
    gateway: GatewayStatus
    reasoning: ReasoningStatus
    memory: MemoryStatus
    skills: SkillsStatus
    channels: ChannelsStatus
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class GatewayStatus:
    port: int
    bind: str
    auth_enabled: bool
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ReasoningStatus:
    primary_provider: Optional[str]
    """Provider that is asked first; null when there is none."""
    primary_model: Optional[str]
    total_requests: int
    avg_latency_ms: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class MemoryStatus:
    wal_entries: int
    compacted_files: int
    total_size_mb: float
    """MiB, one decimal."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SkillsStatus:
    installed: int
    active: int
    container_engine: str
    rootless: bool
    problems: List[str]
    """What is wrong with the engine, or with those that were tried before it."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ChannelsStatus:
    connected: List[str]
    disconnected: List[str]
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class MessageResponse:
    """The agent's complete answer."""

    id: str
    """The reply's id, `msg_resp_` and a ULID."""
    conversation_id: str
    role: Role
    content: str
    skills_used: List[str]
    """Skills that were called, each once, in order of first call."""
    tokens: Tokens
    latency_ms: int
    model: str
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


Role = Literal["system", "user", "assistant", "tool"]
"""Who speaks.

- ``system``: The instructions at the head of a prompt.
- ``user``: The person, or the program in their place.
- ``assistant``: The model.
- ``tool``: A tool's results.
"""


@dataclass(frozen=True)
class Tokens:
    """Tokens as the provider counted them."""

    input: int
    output: int
    total: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class StartEvent:
    """The run has begun."""

    conversation_id: str
    id: str
    """The run's id, which `/message/{id}/…` takes."""
    type: Literal["start"] = "start"
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class TokenEvent:
    """Text, as the provider sent it."""

    content: str
    type: Literal["token"] = "token"
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SkillCallEvent:
    """A skill is being called, or is to be once a person allows it."""

    skill: str
    status: CallStatus
    tool: str
    """The skill's tool: the same, or `skill.tool`."""
    call_id: str
    """Which call; the result carries it too."""
    arguments: Any
    type: Literal["skill_call"] = "skill_call"
    reason: Optional[str] = None
    """Why a person is asked, when awaiting approval."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SkillResultEvent:
    """A skill answered."""

    skill: str
    status: ResultStatus
    tool: str
    call_id: str
    type: Literal["skill_result"] = "skill_result"
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class EndEvent:
    """The answer is complete and durable."""

    tokens: EndTokens
    id: str
    """The reply's id."""
    model: str
    latency_ms: int
    skills_used: List[str]
    type: Literal["end"] = "end"
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ErrorEvent:
    """The run failed or was cancelled."""

    error: ErrorCode
    message: str
    status: int
    type: Literal["error"] = "error"
    details: Optional[Dict[str, Any]] = None
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


Event = Union[StartEvent, TokenEvent, SkillCallEvent, SkillResultEvent, EndEvent, ErrorEvent]
"""One event."""


CallStatus = Literal["invoking", "awaiting_approval"]


ResultStatus = Literal["completed", "failed"]


@dataclass(frozen=True)
class EndTokens:
    input: int
    output: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


ErrorCode = Literal[
    "bad_request",
    "unauthorized",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "timeout",
    "conflict",
    "payload_too_large",
    "unsupported_media_type",
    "rate_limited",
    "internal_error",
    "service_unavailable",
]
"""The kinds of failure the contract knows.

- ``bad_request``: 400: the request is not what the contract asks for.
- ``unauthorized``: 401: no valid token.
- ``forbidden``: 403: known, but not allowed.
- ``not_found``: 404: no such thing.
- ``method_not_allowed``: 405: the path does not take this method.
- ``timeout``: 408: the answer took longer than the client would wait.
- ``conflict``: 409: not in the state that the request needs.
- ``payload_too_large``: 413: the body is over its bound.
- ``unsupported_media_type``: 415: not a media type this path reads.
- ``rate_limited``: 429: too many requests.
- ``internal_error``: 500: a fault of the gateway.
- ``service_unavailable``: 503: something the gateway needs does not answer.
"""


@dataclass(frozen=True)
class PendingMessage:
    """A run that was accepted and is not waited for."""

    id: str
    status: RunStatus
    conversation_id: str
    poll_url: str
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


RunStatus = Literal["processing", "awaiting_approval", "completed", "failed", "cancelled"]
"""Where a run stands."""


@dataclass(frozen=True)
class CancelledMessage:
    """A run was cancelled."""

    id: str
    status: RunStatus
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class MessageStatus:
    """Where a run stands, with its answer or its failure."""

    id: str
    status: RunStatus
    conversation_id: str
    poll_url: str
    approvals: List[ApprovalItem] = field(default_factory=list)
    """What a person is asked, when awaiting approval."""
    response: Optional[MessageResponse] = None
    """The synchronous answer, when completed."""
    error: Optional[ErrorBody] = None
    """The error, when failed."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ApprovalItem:
    """A call that waits for a person's word."""

    call_id: str
    skill: str
    tool: str
    """The skill's tool: the same, or `skill.tool`."""
    arguments: Any
    reason: str
    """Why a person is asked."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ErrorBody:
    """The body of every error: `{error, message, status, details}`."""

    error: str
    message: str
    status: int
    details: Dict[str, Any]
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Approved:
    """A person's word was passed on."""

    id: str
    status: RunStatus
    """`awaiting_approval` while further calls wait."""
    approved: List[str]
    """Calls that are made."""
    denied: List[str]
    """Calls that are not."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class MessageContext:
    """What a run's prompt was made of, of a message."""

    id: str
    """The run's id."""
    conversation_id: str
    reply_id: str
    """The id that the reply has, or will have."""
    context: Optional[Context]
    """Null when nothing was noted: the run has not begun, or is older than such notes."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Context:
    """What a prompt was made of."""

    window: int
    """Size of the model's window, in tokens."""
    tokens: ContextTokens
    recent_messages: int
    """Messages of the recent conversation that went in."""
    memories: List[ContextMemoryItem]
    """Memories that went in, best first."""
    cuts: List[ContextCut]
    """What was cut or left out."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ContextTokens:
    """Tokens of each part, as estimated."""

    instructions: int
    recent: int
    memories: int
    tools: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ContextMemoryItem:
    """A memory that went into a prompt."""

    id: str
    score: float
    """The weighted sum of the factors."""
    factors: ContextFactors
    content: Optional[str] = None
    """How it begins; left out where it is not told, or no longer there."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ContextFactors:
    """0 to 1 each."""

    relevance: float
    importance: float
    recency: float
    frequency: float
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ContextCut:
    """Something that did not go in whole."""

    id: str
    """Id of the message or memory, or `soul.md`, or a tool's name, or `recall` when the memory could not be asked."""
    reason: str
    """Why, in a few words: `over the share of the recent conversation`, …."""
    tokens: int
    """Tokens left out, as estimated."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ConversationList:
    """A page of conversations, latest activity first."""

    conversations: List[ConversationItem]
    total: int
    """How many the filter matches in all."""
    limit: int
    offset: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ConversationItem:
    """A conversation in a list."""

    id: str
    channel: str
    created_at: datetime
    last_message_at: datetime
    message_count: int
    summary: str
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Conversation:
    """A conversation with its messages, oldest first."""

    id: str
    channel: str
    created_at: datetime
    last_message_at: datetime
    message_count: int
    summary: str
    messages: List[MessageItem]
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class MessageItem:
    """One message."""

    id: str
    role: Role
    content: str
    """The text; of a `tool` message what the tools answered."""
    timestamp: datetime
    tool_calls: List[ToolCallItem] = field(default_factory=list)
    """Tools that the model called."""
    tool_call_id: Optional[str] = None
    """Of a `tool` message: which call this answers."""
    name: Optional[str] = None
    """Of a `tool` message: which tool."""
    is_error: Optional[bool] = None
    """Of a `tool` message: whether the call failed."""
    tool_results: List[ToolResultItem] = field(default_factory=list)
    """Of a `tool` message with several results: each of them."""
    metadata: Optional[MetadataItem] = None
    """What the client sent along; files without their bytes."""
    context: Optional[Context] = None
    """Of an assistant's message, with `explain=true`: what its prompt was made of, where that was noted."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ToolCallItem:
    id: str
    name: str
    arguments: Any
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ToolResultItem:
    tool_call_id: str
    name: str
    content: str
    is_error: bool
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class MetadataItem:
    user_id: Optional[str] = None
    user_name: Optional[str] = None
    attachments: List[AttachmentItem] = field(default_factory=list)
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class AttachmentItem:
    name: str
    mime_type: str
    size: Optional[int] = None
    """Bytes, of a file that was sent."""
    url: Optional[str] = None
    """Address, of a file that was named."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ConversationDeleted:
    """A conversation was erased."""

    deleted: bool
    id: str
    messages_deleted: int
    memories_deleted: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class MemoryStats:
    """Sizes and counts."""

    wal: WalStats
    compacted: CompactedStats
    archive: ArchiveStats
    total_size_mb: float
    """MiB, one decimal."""
    semantic: Optional[SemanticStats]
    """Search by meaning; null while there is no model for it."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class WalStats:
    entries: int
    size_mb: float
    """MiB, one decimal."""
    oldest_entry: Optional[datetime]
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class CompactedStats:
    files: int
    size_mb: float
    """MiB, one decimal."""
    last_compaction: Optional[datetime]
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ArchiveStats:
    """What of the log was compacted and compressed."""

    size_mb: float
    """MiB, one decimal."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SemanticStats:
    vectors: int
    """Vectors there are."""
    backlog: int
    """Records of the log that wait for theirs."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SearchResponse:
    """What was found, best first."""

    results: List[SearchResult]
    total: int
    """How many passages match in all, counted up to 1,000."""
    query: str
    took_ms: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SearchResult:
    """A passage that matches."""

    id: str
    type: Kind
    content: str
    score: float
    timestamp: datetime
    conversation_id: Optional[str]
    channel: Optional[str]
    role: Optional[Role]
    source: Optional[str]
    """The file of a compacted hit."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


Kind = Literal["all", "wal", "compacted"]
"""Which part of the memory."""


@dataclass(frozen=True)
class PruneResponse:
    """What was pruned."""

    pruned: PrunedCounts
    before: datetime
    type: Kind
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class PrunedCounts:
    """What was, or would be, pruned."""

    wal_entries: int
    compacted_files: int
    bytes: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class EntryList:
    """A page of remembered entries, newest first."""

    entries: List[EntryItem]
    total: int
    """How many the filter matches in all."""
    limit: int
    offset: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class EntryItem:
    """A remembered entry."""

    id: str
    kind: MemoryKind
    content: str
    importance: float
    """0 (trivial) to 1 (vital)."""
    tags: List[str]
    created_at: datetime
    expires_at: Optional[datetime]
    completed_at: Optional[datetime]
    """When a task was completed."""
    conversation_id: Optional[str]
    sources: List[str]
    """Ids of the messages it comes from."""
    superseded_by: Optional[str]
    """Id of the entry that took its place."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


MemoryKind = Literal["preference", "fact", "task", "conversation", "ephemeral"]
"""What sort of thing is remembered; decides how long.

- ``preference``: What the user likes, dislikes, wants done how. Kept.
- ``fact``: What is so. Kept.
- ``task``: What is to be done. Kept until 30 days after it was completed.
- ``conversation``: What a conversation was about. Kept as `memory.retention.conversation_days` says.
- ``ephemeral``: What matters only now. Gone with the conversation's end, after `memory.retention.ephemeral_hours` without a message.
"""


@dataclass(frozen=True)
class EntryDeleted:
    """An entry was erased."""

    deleted: bool
    id: str
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class CompactionReport:
    """One compaction."""

    started_at: str
    """When it began."""
    took_ms: int
    """How long it took, in milliseconds."""
    segments: int
    """Segments compacted."""
    messages: int
    """Messages read."""
    added: int
    """Lines written."""
    superseded: int
    """Lines struck because a newer one says otherwise."""
    rejected: int
    """Proposals refused: without a citation, citing what does not exist, or saying what the cited messages do not."""
    wal_bytes_before: int
    """Bytes of the log before."""
    wal_bytes_after: int
    """Bytes of the log after."""
    method: str
    """`model`, `extractive`, or `mixed` when the model failed for a part."""
    files: List[str]
    """Files written, relative to the data directory; with a dry run, those that would be."""
    dry_run: bool
    """Whether it was a dry run."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class CompactionBegun:
    """A compaction has begun."""

    status: str
    """`running`"""
    poll_url: str
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class CompactionHistory:
    """Past compactions, and the one under way."""

    running: Optional[RunningCompaction]
    """Null when none is under way."""
    compactions: List[CompactionReport]
    """Newest first."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class RunningCompaction:
    """How far a compaction is."""

    segments_done: int
    segments: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Collected:
    """What garbage collection removed."""

    expired_entries: int
    """Entries past their time."""
    expired_conversations: int
    """Conversations past `memory.retention.conversation_days`."""
    bytes: int
    """Bytes freed."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Verified:
    """What a check of the whole memory found."""

    sound: bool
    """Whether nothing is wrong."""
    records: int
    """Records checked."""
    bytes: int
    """Bytes checked."""
    problems: List[str]
    """What is wrong, each with the file, the place and what to do. Empty: all is well."""
    took_ms: int
    """How long it took, in milliseconds."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ExchangeMessage:
    """A message as it goes out: every field, in this order, always."""

    conversation_id: str
    channel: str
    role: Role
    content: str
    timestamp: datetime
    id: Optional[str] = None
    """May be left out of what is imported: the same message then has the same id each time."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ExchangeEntry:
    """A remembered entry as it goes out: what there is, in this order."""

    kind: MemoryKind
    content: str
    importance: float
    """0 (trivial) to 1 (vital)."""
    created_at: datetime
    """The time in its id. Read only of a line without one: when it was noted."""
    id: str
    """`mem_` and a ULID. A line without one is something new to remember."""
    tags: Optional[List[str]] = None
    expires_at: Optional[datetime] = None
    completed_at: Optional[datetime] = None
    conversation_id: Optional[str] = None
    sources: Optional[List[str]] = None
    supersedes: Optional[str] = None
    """Id of the entry whose place it took."""
    superseded_by: Optional[str] = None
    """Id of the entry that took its place."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    imported: int
    """Messages and entries taken in."""
    skipped: int
    """Those that were there already."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SkillList:
    """Every installed skill."""

    skills: List[SkillItem]
    total: int
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SkillItem:
    """An installed skill."""

    name: str
    version: str
    status: str
    """`active`, or why not."""
    permissions: Permissions
    installed_at: datetime
    last_used: Optional[datetime]
    """Null before first use."""
    invocations: int
    description: Optional[str] = None
    """What it does; missing when it does not say."""
    reason: Optional[str] = None
    """Why it is not active, and what to do."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Permissions:
    network: bool
    filesystem: bool
    shell: bool
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class SkillRemoved:
    """A skill was removed."""

    removed: bool
    name: str
    version: str
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ChannelList:
    """Every configured channel."""

    channels: List[ChannelItem]
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ChannelItem:
    """A configured channel."""

    type: str
    status: Connection
    connected_since: Optional[datetime] = None
    """When connected."""
    messages_today: Optional[int] = None
    """When connected: messages received since midnight UTC."""
    last_error: Optional[str] = None
    """When disconnected: why."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


Connection = Literal["connected", "disconnected"]


@dataclass(frozen=True)
class ChannelDetails:
    """A configured channel with all that is known of it."""

    type: str
    status: Connection
    reconnects: int
    """Connections that were lost since the channel was started."""
    outbox: OutboxCounts
    """Answers that are not delivered."""
    paired: int
    """People whom a code let in."""
    connected_since: Optional[datetime] = None
    """When connected."""
    messages_today: Optional[int] = None
    """When connected: messages received since midnight UTC."""
    last_error: Optional[str] = None
    """When disconnected: why."""
    account: Optional[str] = None
    """The bot's name on the platform."""
    last_message_at: Optional[datetime] = None
    """When the last message of somebody who may talk came in, since the channel was started."""
    hint: Optional[str] = None
    """What the owner should know."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class OutboxCounts:
    """Answers that are not delivered."""

    waiting: int
    """On their way."""
    failed: int
    """Given up: the platform does not take them."""
    expired: int
    """Too old to be sent; `/missed` in the chat gets them."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Pairing:
    """A code that lets one stranger in."""

    code: str
    """What the stranger sends to the bot, in a direct chat."""
    expires_at: datetime
    """Until when."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class People:
    """People whom a code let in."""

    users: List[str]
    """Their ids on the platform."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class Unpaired:
    """A pairing was taken back."""

    removed: bool
    user: str
    """Whose."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class ConfigUpdated:
    """What a patch of the configuration changed."""

    updated: List[str]
    """Dotted paths."""
    restart_required: bool
    restart_required_for: List[str]
    """Those of them that take effect with the next start only."""
    config: Any
    """The configuration afterwards, secrets redacted."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


LogListLogComponent = Literal["gateway", "reasoning", "memory", "skills", "channels"]


@dataclass(frozen=True)
class LogListLog:
    timestamp: datetime
    level: LogLevel
    component: LogListLogComponent
    message: str
    fields: Dict[str, Any]
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


@dataclass(frozen=True)
class LogList:
    """Lines of the log, oldest first."""

    logs: List[LogListLog]
    total: int
    """How many pass the filter in all."""
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""


LogLevel = Literal["trace", "debug", "info", "warn", "error"]
"""How grave a line is, least first.

- ``trace``: For developers, in detail.
- ``debug``: For developers.
- ``info``: The normal course.
- ``warn``: Something is off, and was coped with.
- ``error``: Something failed.
"""


MessageRequestChannel = Literal[
    "api",
    "internal",
    "telegram",
    "discord",
    "slack",
    "matrix",
    "webhook",
    "irc",
    "whatsapp",
    "signal",
]


class _MessageRequestRequired(TypedDict):
    channel: MessageRequestChannel
    """Where the message comes from: `api`, `internal`, `telegram`, …."""
    message: str
    """The text, at most 256 KiB."""


class MessageRequest(_MessageRequestRequired, total=False):
    """A message for the agent."""

    conversation_id: Optional[str]
    """Where it belongs; absent: a new conversation; unknown: created under this id."""
    metadata: Optional[Metadata]
    """Who sent it, and files. Further fields are kept with the message."""
    wait_for_response: Optional[bool]
    """Whether to answer when the reply is complete (the default) or at once with 202."""
    timeout_ms: Optional[int]
    """Most time to wait for the reply, in milliseconds; the run goes on after it. Default 30000."""


class _MetadataAttachmentRequired(TypedDict):
    name: str
    mime_type: str


class MetadataAttachment(_MetadataAttachmentRequired, total=False):
    data: str
    url: str


class Metadata(TypedDict, total=False):
    user_id: Optional[str]
    user_name: Optional[str]
    attachments: Optional[List[MetadataAttachment]]


class ApproveRequest(TypedDict, total=False):
    """A person's word. No body is an empty object."""

    approve: Optional[bool]
    """Whether the call is made. Default true."""
    call_id: Optional[str]
    """Which call; absent: all that wait."""
    reason: Optional[str]
    """What the model is told of why not, at most 1000 characters."""


class _SearchRequestRequired(TypedDict):
    query: str
    """Words, in any language."""


class SearchRequest(_SearchRequestRequired, total=False):
    """What to find."""

    limit: Optional[int]
    """Most results. Default 10."""
    type: Optional[Kind]
    since: Optional[datetime]
    """Only what was said at or after this."""
    until: Optional[datetime]
    """Only what was said at or before this."""
    channel: Optional[str]
    """Only what was said on this channel."""
    conversation_id: Optional[str]
    """Only what was said in this conversation."""


class _PruneBodyRequired(TypedDict):
    before: datetime
    """Everything said before this."""


class PruneBody(_PruneBodyRequired, total=False):
    """What to prune."""

    type: Optional[Kind]
    confirm: Optional[bool]
    """Must be true; without it, 400 tells what would be pruned."""


EntryRequestKind = Literal["preference", "fact", "task", "conversation", "ephemeral"]


class _EntryRequestRequired(TypedDict):
    kind: EntryRequestKind
    """What sort of thing is remembered; decides how long."""
    content: str


class EntryRequest(_EntryRequestRequired, total=False):
    """Something to remember."""

    importance: Optional[float]
    """0 (trivial) to 1 (vital). Default 0.5."""
    tags: Optional[List[str]]
    """Words to find it by."""
    expires_at: Optional[datetime]
    """When it stops counting. Absent: as its kind says."""
    conversation_id: Optional[str]
    """The conversation it comes from, with which it is erased."""
    sources: Optional[List[str]]
    """Ids of the messages it comes from."""
    supersedes: Optional[str]
    """Id of the entry whose place it takes."""


class CompactBody(TypedDict, total=False):
    """What to compact."""

    offline: Optional[bool]
    """By extraction even if a model could be asked. Default false."""
    dry_run: Optional[bool]
    """Only say what would be done; waits. Default false."""
    everything: Optional[bool]
    """The newest segment, too. Default false."""
    wait: Optional[bool]
    """Whether to answer when it is done instead of when it begins. Default false."""


class _InstallRequestRequired(TypedDict):
    name: str


class InstallRequest(_InstallRequestRequired, total=False):
    """What to install."""

    version: Optional[str]
    """Absent: the newest."""


@dataclass(frozen=True)
class Error:
    """What went wrong, for programs and for people."""

    error: ErrorCode
    message: str
    status: int
    details: Dict[str, Any]
    extra: Dict[str, Any] = field(default_factory=dict, repr=False)
    """What a newer gateway says besides."""
