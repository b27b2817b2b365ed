// Made from docs/openapi.yaml's source by `cargo xtask codegen`; do not edit.

/** Whether the gateway is there. */
export interface Health {
  /** `ok`, or `degraded` when nothing can be remembered. */
  status: string;
  version: string;
  uptime_seconds: number;
  /** Why it is degraded, and what to do. */
  reason?: string | null;
}

/** The gateway as a whole. */
export interface Status {
  status: string;
  version: string;
  uptime_seconds: number;
  gateway: GatewayStatus;
  reasoning: ReasoningStatus;
  memory: MemoryStatus;
  skills: SkillsStatus;
  channels: ChannelsStatus;
}

export interface GatewayStatus {
  port: number;
  bind: string;
  auth_enabled: boolean;
}

export interface ReasoningStatus {
  /** Provider that is asked first; null when there is none. */
  primary_provider: string | null;
  primary_model: string | null;
  total_requests: number;
  avg_latency_ms: number;
}

export interface MemoryStatus {
  wal_entries: number;
  compacted_files: number;
  /** MiB, one decimal. */
  total_size_mb: number;
}

export interface SkillsStatus {
  installed: number;
  active: number;
  container_engine: string;
  rootless: boolean;
  /** What is wrong with the engine, or with those that were tried before it. */
  problems: string[];
}

export interface ChannelsStatus {
  connected: string[];
  disconnected: string[];
}

/** The agent's complete answer. */
export interface MessageResponse {
  /** The reply's id, `msg_resp_` and a ULID. */
  id: string;
  conversation_id: string;
  role: Role;
  content: string;
  /** Skills that were called, each once, in order of first call. */
  skills_used: string[];
  tokens: Tokens;
  latency_ms: number;
  model: string;
}

/** Who speaks. */
export type Role =
  /** The instructions at the head of a prompt. */
  | "system"
  /** The person, or the program in their place. */
  | "user"
  /** The model. */
  | "assistant"
  /** A tool's results. */
  | "tool";

/** Tokens as the provider counted them. */
export interface Tokens {
  input: number;
  output: number;
  total: number;
}

/** One event. */
export type RunEvent =
  | StartEvent
  | TokenEvent
  | SkillCallEvent
  | SkillResultEvent
  | EndEvent
  | ErrorEvent;

/** The run has begun. */
export interface StartEvent {
  type: "start";
  conversation_id: string;
  /** The run's id, which `/message/{id}/…` takes. */
  id: string;
  content?: undefined;
  skill?: undefined;
  status?: undefined;
  tool?: undefined;
  call_id?: undefined;
  arguments?: undefined;
  reason?: undefined;
  tokens?: undefined;
  model?: undefined;
  latency_ms?: undefined;
  skills_used?: undefined;
  error?: undefined;
  message?: undefined;
  details?: undefined;
}

/** Text, as the provider sent it. */
export interface TokenEvent {
  type: "token";
  content: string;
  conversation_id?: undefined;
  id?: undefined;
  skill?: undefined;
  status?: undefined;
  tool?: undefined;
  call_id?: undefined;
  arguments?: undefined;
  reason?: undefined;
  tokens?: undefined;
  model?: undefined;
  latency_ms?: undefined;
  skills_used?: undefined;
  error?: undefined;
  message?: undefined;
  details?: undefined;
}

/** A skill is being called, or is to be once a person allows it. */
export interface SkillCallEvent {
  type: "skill_call";
  skill: string;
  status: CallStatus;
  /** The skill's tool: the same, or `skill.tool`. */
  tool: string;
  /** Which call; the result carries it too. */
  call_id: string;
  arguments: unknown;
  /** Why a person is asked, when awaiting approval. */
  reason?: string | null;
  conversation_id?: undefined;
  id?: undefined;
  content?: undefined;
  tokens?: undefined;
  model?: undefined;
  latency_ms?: undefined;
  skills_used?: undefined;
  error?: undefined;
  message?: undefined;
  details?: undefined;
}

/** A skill answered. */
export interface SkillResultEvent {
  type: "skill_result";
  skill: string;
  status: ResultStatus;
  tool: string;
  call_id: string;
  conversation_id?: undefined;
  id?: undefined;
  content?: undefined;
  arguments?: undefined;
  reason?: undefined;
  tokens?: undefined;
  model?: undefined;
  latency_ms?: undefined;
  skills_used?: undefined;
  error?: undefined;
  message?: undefined;
  details?: undefined;
}

/** The answer is complete and durable. */
export interface EndEvent {
  type: "end";
  tokens: EndTokens;
  /** The reply's id. */
  id: string;
  model: string;
  latency_ms: number;
  skills_used: string[];
  conversation_id?: undefined;
  content?: undefined;
  skill?: undefined;
  status?: undefined;
  tool?: undefined;
  call_id?: undefined;
  arguments?: undefined;
  reason?: undefined;
  error?: undefined;
  message?: undefined;
  details?: undefined;
}

/** The run failed or was cancelled. */
export interface ErrorEvent {
  type: "error";
  error: ErrorCode;
  message: string;
  status: number;
  details?: Record<string, unknown> | null;
  conversation_id?: undefined;
  id?: undefined;
  content?: undefined;
  skill?: undefined;
  tool?: undefined;
  call_id?: undefined;
  arguments?: undefined;
  reason?: undefined;
  tokens?: undefined;
  model?: undefined;
  latency_ms?: undefined;
  skills_used?: undefined;
}

export type CallStatus =
  | "invoking"
  | "awaiting_approval";

export type ResultStatus =
  | "completed"
  | "failed";

export interface EndTokens {
  input: number;
  output: number;
}

/** The kinds of failure the contract knows. */
export type ErrorCode =
  /** 400: the request is not what the contract asks for. */
  | "bad_request"
  /** 401: no valid token. */
  | "unauthorized"
  /** 403: known, but not allowed. */
  | "forbidden"
  /** 404: no such thing. */
  | "not_found"
  /** 405: the path does not take this method. */
  | "method_not_allowed"
  /** 408: the answer took longer than the client would wait. */
  | "timeout"
  /** 409: not in the state that the request needs. */
  | "conflict"
  /** 413: the body is over its bound. */
  | "payload_too_large"
  /** 415: not a media type this path reads. */
  | "unsupported_media_type"
  /** 429: too many requests. */
  | "rate_limited"
  /** 500: a fault of the gateway. */
  | "internal_error"
  /** 503: something the gateway needs does not answer. */
  | "service_unavailable";

/** A run that was accepted and is not waited for. */
export interface PendingMessage {
  id: string;
  status: RunStatus;
  conversation_id: string;
  poll_url: string;
}

/** Where a run stands. */
export type RunStatus =
  | "processing"
  | "awaiting_approval"
  | "completed"
  | "failed"
  | "cancelled";

/** A run was cancelled. */
export interface CancelledMessage {
  id: string;
  status: RunStatus;
}

/** Where a run stands, with its answer or its failure. */
export interface MessageStatus {
  id: string;
  status: RunStatus;
  conversation_id: string;
  poll_url: string;
  /** What a person is asked, when awaiting approval. */
  approvals?: ApprovalItem[];
  /** The synchronous answer, when completed. */
  response?: MessageResponse | null;
  /** The error, when failed. */
  error?: ErrorBody | null;
}

/** A call that waits for a person's word. */
export interface ApprovalItem {
  call_id: string;
  skill: string;
  /** The skill's tool: the same, or `skill.tool`. */
  tool: string;
  arguments: unknown;
  /** Why a person is asked. */
  reason: string;
}

/** The body of every error: `{error, message, status, details}`. */
export interface ErrorBody {
  error: string;
  message: string;
  status: number;
  details: Record<string, unknown>;
}

/** A person's word was passed on. */
export interface Approved {
  id: string;
  /** `awaiting_approval` while further calls wait. */
  status: RunStatus;
  /** Calls that are made. */
  approved: string[];
  /** Calls that are not. */
  denied: string[];
}

/** What a run's prompt was made of, of a message. */
export interface MessageContext {
  /** The run's id. */
  id: string;
  conversation_id: string;
  /** The id that the reply has, or will have. */
  reply_id: string;
  /** Null when nothing was noted: the run has not begun, or is older than such notes. */
  context: Context | null;
}

/** What a prompt was made of. */
export interface Context {
  /** Size of the model's window, in tokens. */
  window: number;
  tokens: ContextTokens;
  /** Messages of the recent conversation that went in. */
  recent_messages: number;
  /** Memories that went in, best first. */
  memories: ContextMemoryItem[];
  /** What was cut or left out. */
  cuts: ContextCut[];
}

/** Tokens of each part, as estimated. */
export interface ContextTokens {
  instructions: number;
  recent: number;
  memories: number;
  tools: number;
}

/** A memory that went into a prompt. */
export interface ContextMemoryItem {
  id: string;
  /** The weighted sum of the factors. */
  score: number;
  factors: ContextFactors;
  /** How it begins; left out where it is not told, or no longer there. */
  content?: string | null;
}

/** 0 to 1 each. */
export interface ContextFactors {
  relevance: number;
  importance: number;
  recency: number;
  frequency: number;
}

/** Something that did not go in whole. */
export interface ContextCut {
  /** Id of the message or memory, or `soul.md`, or a tool's name, or `recall` when the memory could not be asked. */
  id: string;
  /** Why, in a few words: `over the share of the recent conversation`, …. */
  reason: string;
  /** Tokens left out, as estimated. */
  tokens: number;
}

/** A page of conversations, latest activity first. */
export interface ConversationList {
  conversations: ConversationItem[];
  /** How many the filter matches in all. */
  total: number;
  limit: number;
  offset: number;
}

/** A conversation in a list. */
export interface ConversationItem {
  id: string;
  channel: string;
  created_at: string;
  last_message_at: string;
  message_count: number;
  summary: string;
}

/** A conversation with its messages, oldest first. */
export interface Conversation {
  id: string;
  channel: string;
  created_at: string;
  last_message_at: string;
  message_count: number;
  summary: string;
  messages: MessageItem[];
}

/** One message. */
export interface MessageItem {
  id: string;
  role: Role;
  /** The text; of a `tool` message what the tools answered. */
  content: string;
  timestamp: string;
  /** Tools that the model called. */
  tool_calls?: ToolCallItem[];
  /** Of a `tool` message: which call this answers. */
  tool_call_id?: string | null;
  /** Of a `tool` message: which tool. */
  name?: string | null;
  /** Of a `tool` message: whether the call failed. */
  is_error?: boolean | null;
  /** Of a `tool` message with several results: each of them. */
  tool_results?: ToolResultItem[];
  /** What the client sent along; files without their bytes. */
  metadata?: MetadataItem | null;
  /** Of an assistant's message, with `explain=true`: what its prompt was made of, where that was noted. */
  context?: Context | null;
}

export interface ToolCallItem {
  id: string;
  name: string;
  arguments: unknown;
}

export interface ToolResultItem {
  tool_call_id: string;
  name: string;
  content: string;
  is_error: boolean;
}

export interface MetadataItem {
  user_id?: string | null;
  user_name?: string | null;
  attachments?: AttachmentItem[];
  [key: string]: unknown;
}

export interface AttachmentItem {
  name: string;
  mime_type: string;
  /** Bytes, of a file that was sent. */
  size?: number | null;
  /** Address, of a file that was named. */
  url?: string | null;
}

/** A conversation was erased. */
export interface ConversationDeleted {
  deleted: boolean;
  id: string;
  messages_deleted: number;
  memories_deleted: number;
}

/** Sizes and counts. */
export interface MemoryStats {
  wal: WalStats;
  compacted: CompactedStats;
  archive: ArchiveStats;
  /** MiB, one decimal. */
  total_size_mb: number;
  /** Search by meaning; null while there is no model for it. */
  semantic: SemanticStats | null;
}

export interface WalStats {
  entries: number;
  /** MiB, one decimal. */
  size_mb: number;
  oldest_entry: string | null;
}

export interface CompactedStats {
  files: number;
  /** MiB, one decimal. */
  size_mb: number;
  last_compaction: string | null;
}

/** What of the log was compacted and compressed. */
export interface ArchiveStats {
  /** MiB, one decimal. */
  size_mb: number;
}

export interface SemanticStats {
  /** Vectors there are. */
  vectors: number;
  /** Records of the log that wait for theirs. */
  backlog: number;
}

/** What was found, best first. */
export interface SearchResponse {
  results: SearchResult[];
  /** How many passages match in all, counted up to 1,000. */
  total: number;
  query: string;
  took_ms: number;
}

/** A passage that matches. */
export interface SearchResult {
  id: string;
  type: Kind;
  content: string;
  score: number;
  timestamp: string;
  conversation_id: string | null;
  channel: string | null;
  role: Role | null;
  /** The file of a compacted hit. */
  source: string | null;
}

/** Which part of the memory. */
export type Kind =
  | "all"
  | "wal"
  | "compacted";

/** What was pruned. */
export interface PruneResponse {
  pruned: PrunedCounts;
  before: string;
  type: Kind;
}

/** What was, or would be, pruned. */
export interface PrunedCounts {
  wal_entries: number;
  compacted_files: number;
  bytes: number;
}

/** A page of remembered entries, newest first. */
export interface EntryList {
  entries: EntryItem[];
  /** How many the filter matches in all. */
  total: number;
  limit: number;
  offset: number;
}

/** A remembered entry. */
export interface EntryItem {
  id: string;
  kind: MemoryKind;
  content: string;
  /** 0 (trivial) to 1 (vital). */
  importance: number;
  tags: string[];
  created_at: string;
  expires_at: string | null;
  /** When a task was completed. */
  completed_at: string | null;
  conversation_id: string | null;
  /** Ids of the messages it comes from. */
  sources: string[];
  /** Id of the entry that took its place. */
  superseded_by: string | null;
}

/** What sort of thing is remembered; decides how long. */
export type MemoryKind =
  /** What the user likes, dislikes, wants done how. Kept. */
  | "preference"
  /** What is so. Kept. */
  | "fact"
  /** What is to be done. Kept until 30 days after it was completed. */
  | "task"
  /** What a conversation was about. Kept as `memory.retention.conversation_days` says. */
  | "conversation"
  /** What matters only now. Gone with the conversation's end, after `memory.retention.ephemeral_hours` without a message. */
  | "ephemeral";

/** An entry was erased. */
export interface EntryDeleted {
  deleted: boolean;
  id: string;
}

/** One compaction. */
export interface CompactionReport {
  /** When it began. */
  started_at: string;
  /** How long it took, in milliseconds. */
  took_ms: number;
  /** Segments compacted. */
  segments: number;
  /** Messages read. */
  messages: number;
  /** Lines written. */
  added: number;
  /** Lines struck because a newer one says otherwise. */
  superseded: number;
  /** Proposals refused: without a citation, citing what does not exist, or saying what the cited messages do not. */
  rejected: number;
  /** Bytes of the log before. */
  wal_bytes_before: number;
  /** Bytes of the log after. */
  wal_bytes_after: number;
  /** `model`, `extractive`, or `mixed` when the model failed for a part. */
  method: string;
  /** Files written, relative to the data directory; with a dry run, those that would be. */
  files: string[];
  /** Whether it was a dry run. */
  dry_run: boolean;
}

/** A compaction has begun. */
export interface CompactionBegun {
  /** `running` */
  status: string;
  poll_url: string;
}

/** Past compactions, and the one under way. */
export interface CompactionHistory {
  /** Null when none is under way. */
  running: RunningCompaction | null;
  /** Newest first. */
  compactions: CompactionReport[];
}

/** How far a compaction is. */
export interface RunningCompaction {
  segments_done: number;
  segments: number;
}

/** What garbage collection removed. */
export interface Collected {
  /** Entries past their time. */
  expired_entries: number;
  /** Conversations past `memory.retention.conversation_days`. */
  expired_conversations: number;
  /** Bytes freed. */
  bytes: number;
}

/** What a check of the whole memory found. */
export interface Verified {
  /** Whether nothing is wrong. */
  sound: boolean;
  /** Records checked. */
  records: number;
  /** Bytes checked. */
  bytes: number;
  /** What is wrong, each with the file, the place and what to do. Empty: all is well. */
  problems: string[];
  /** How long it took, in milliseconds. */
  took_ms: number;
}

/** A message as it goes out: every field, in this order, always. */
export interface ExchangeMessage {
  conversation_id: string;
  channel: string;
  role: Role;
  content: string;
  timestamp: string;
  /** May be left out of what is imported: the same message then has the same id each time. */
  id?: string | null;
}

/** A remembered entry as it goes out: what there is, in this order. */
export interface ExchangeEntry {
  kind: MemoryKind;
  content: string;
  /** 0 (trivial) to 1 (vital). */
  importance: number;
  tags?: string[] | null;
  /** The time in its id. Read only of a line without one: when it was noted. */
  created_at: string;
  expires_at?: string | null;
  completed_at?: string | null;
  conversation_id?: string | null;
  sources?: string[] | null;
  /** Id of the entry whose place it took. */
  supersedes?: string | null;
  /** Id of the entry that took its place. */
  superseded_by?: string | null;
  /** `mem_` and a ULID. A line without one is something new to remember. */
  id: string;
}

/** What an import did. */
export interface Imported {
  /** Messages and entries taken in. */
  imported: number;
  /** Those that were there already. */
  skipped: number;
}

/** Every installed skill. */
export interface SkillList {
  skills: SkillItem[];
  total: number;
}

/** An installed skill. */
export interface SkillItem {
  name: string;
  version: string;
  /** What it does; missing when it does not say. */
  description?: string;
  /** `active`, or why not. */
  status: string;
  /** Why it is not active, and what to do. */
  reason?: string | null;
  permissions: Permissions;
  installed_at: string;
  /** Null before first use. */
  last_used: string | null;
  invocations: number;
}

export interface Permissions {
  network: boolean;
  filesystem: boolean;
  shell: boolean;
}

/** A skill was removed. */
export interface SkillRemoved {
  removed: boolean;
  name: string;
  version: string;
}

/** Every configured channel. */
export interface ChannelList {
  channels: ChannelItem[];
}

/** A configured channel. */
export interface ChannelItem {
  type: string;
  status: Connection;
  /** When connected. */
  connected_since?: string;
  /** When connected: messages received since midnight UTC. */
  messages_today?: number | null;
  /** When disconnected: why. */
  last_error?: string | null;
}

export type Connection =
  | "connected"
  | "disconnected";

/** A configured channel with all that is known of it. */
export interface ChannelDetails {
  type: string;
  status: Connection;
  /** When connected. */
  connected_since?: string;
  /** When connected: messages received since midnight UTC. */
  messages_today?: number | null;
  /** When disconnected: why. */
  last_error?: string | null;
  /** The bot's name on the platform. */
  account?: string | null;
  /** When the last message of somebody who may talk came in, since the channel was started. */
  last_message_at?: string;
  /** Connections that were lost since the channel was started. */
  reconnects: number;
  /** Answers that are not delivered. */
  outbox: OutboxCounts;
  /** People whom a code let in. */
  paired: number;
  /** What the owner should know. */
  hint?: string | null;
}

/** Answers that are not delivered. */
export interface OutboxCounts {
  /** On their way. */
  waiting: number;
  /** Given up: the platform does not take them. */
  failed: number;
  /** Too old to be sent; `/missed` in the chat gets them. */
  expired: number;
}

/** A code that lets one stranger in. */
export interface Pairing {
  /** What the stranger sends to the bot, in a direct chat. */
  code: string;
  /** Until when. */
  expires_at: string;
}

/** People whom a code let in. */
export interface People {
  /** Their ids on the platform. */
  users: string[];
}

/** A pairing was taken back. */
export interface Unpaired {
  removed: boolean;
  /** Whose. */
  user: string;
}

/** What a patch of the configuration changed. */
export interface ConfigUpdated {
  /** Dotted paths. */
  updated: string[];
  restart_required: boolean;
  /** Those of them that take effect with the next start only. */
  restart_required_for: string[];
  /** The configuration afterwards, secrets redacted. */
  config: unknown;
}

export interface LogListLog {
  timestamp: string;
  level: LogLevel;
  component: "gateway" | "reasoning" | "memory" | "skills" | "channels";
  message: string;
  fields: Record<string, unknown>;
}

/** Lines of the log, oldest first. */
export interface LogList {
  logs: LogListLog[];
  /** How many pass the filter in all. */
  total: number;
}

/** How grave a line is, least first. */
export type LogLevel =
  /** For developers, in detail. */
  | "trace"
  /** For developers. */
  | "debug"
  /** The normal course. */
  | "info"
  /** Something is off, and was coped with. */
  | "warn"
  /** Something failed. */
  | "error";

/** A message for the agent. */
export interface MessageRequest {
  /** Where the message comes from: `api`, `internal`, `telegram`, …. */
  channel: "api" | "internal" | "telegram" | "discord" | "slack" | "matrix" | "webhook" | "irc" | "whatsapp" | "signal";
  /** The text, at most 256 KiB. */
  message: string;
  /** Where it belongs; absent: a new conversation; unknown: created under this id. */
  conversation_id?: string | null;
  /** Who sent it, and files. Further fields are kept with the message. */
  metadata?: Metadata | null;
  /** Whether to answer when the reply is complete (the default) or at once with 202. */
  wait_for_response?: boolean | null;
  /** Most time to wait for the reply, in milliseconds; the run goes on after it. Default 30000. */
  timeout_ms?: number | null;
}

export interface MetadataAttachment {
  name: string;
  mime_type: string;
  data?: string;
  url?: string;
}

export interface Metadata {
  user_id?: string | null;
  user_name?: string | null;
  attachments?: MetadataAttachment[] | null;
}

/** A person's word. No body is an empty object. */
export interface ApproveRequest {
  /** Whether the call is made. Default true. */
  approve?: boolean | null;
  /** Which call; absent: all that wait. */
  call_id?: string | null;
  /** What the model is told of why not, at most 1000 characters. */
  reason?: string | null;
}

/** What to find. */
export interface SearchRequest {
  /** Words, in any language. */
  query: string;
  /** Most results. Default 10. */
  limit?: number | null;
  type?: Kind | null;
  /** Only what was said at or after this. */
  since?: string | null;
  /** Only what was said at or before this. */
  until?: string | null;
  /** Only what was said on this channel. */
  channel?: string | null;
  /** Only what was said in this conversation. */
  conversation_id?: string | null;
}

/** What to prune. */
export interface PruneBody {
  /** Everything said before this. */
  before: string;
  type?: Kind | null;
  /** Must be true; without it, 400 tells what would be pruned. */
  confirm?: boolean | null;
}

/** Something to remember. */
export interface EntryRequest {
  /** What sort of thing is remembered; decides how long. */
  kind: "preference" | "fact" | "task" | "conversation" | "ephemeral";
  content: string;
  /** 0 (trivial) to 1 (vital). Default 0.5. */
  importance?: number | null;
  /** Words to find it by. */
  tags?: string[] | null;
  /** When it stops counting. Absent: as its kind says. */
  expires_at?: string | null;
  /** The conversation it comes from, with which it is erased. */
  conversation_id?: string | null;
  /** Ids of the messages it comes from. */
  sources?: string[] | null;
  /** Id of the entry whose place it takes. */
  supersedes?: string | null;
}

/** What to compact. */
export interface CompactBody {
  /** By extraction even if a model could be asked. Default false. */
  offline?: boolean | null;
  /** Only say what would be done; waits. Default false. */
  dry_run?: boolean | null;
  /** The newest segment, too. Default false. */
  everything?: boolean | null;
  /** Whether to answer when it is done instead of when it begins. Default false. */
  wait?: boolean | null;
}

/** What to install. */
export interface InstallRequest {
  name: string;
  /** Absent: the newest. */
  version?: string | null;
}

/** What went wrong, for programs and for people. */
export interface Failure {
  error: ErrorCode;
  message: string;
  status: number;
  details: Record<string, unknown>;
}

/** Options of: Send a message to the agent. */
export interface SendMessageOptions {
  /** Where the message comes from: `api`, `internal`, `telegram`, …. */
  channel: "api" | "internal" | "telegram" | "discord" | "slack" | "matrix" | "webhook" | "irc" | "whatsapp" | "signal";
  /** The text, at most 256 KiB. */
  message: string;
  /** Where it belongs; absent: a new conversation; unknown: created under this id. */
  conversationId?: string;
  /** Who sent it, and files. Further fields are kept with the message. */
  metadata?: Metadata;
  /** Whether to answer when the reply is complete (the default) or at once with 202. */
  waitForResponse?: boolean;
  /** Most time to wait for the reply, in milliseconds; the run goes on after it. Default 30000. */
  timeoutMs?: number;
}

/** Options of: Allow or deny the calls of a run that wait for a person. */
export interface ApproveMessageOptions {
  /** Whether the call is made. Default true. */
  approve?: boolean;
  /** Which call; absent: all that wait. */
  callId?: string;
  /** What the model is told of why not, at most 1000 characters. */
  reason?: string;
}

/** Options of: List conversations. */
export interface ListConversationsOptions {
  /** At most so many */
  limit?: number;
  /** Skip so many first */
  offset?: number;
  /** Only those begun on this channel; imported ones may be of channels of any name */
  channel?: string;
  /** Only at or after this time */
  since?: string;
  /** Only at or before this time */
  until?: string;
}

/** Options of: Read a conversation. */
export interface GetConversationOptions {
  /** Only the latest so many messages */
  limit?: number;
  /** Only messages before this one */
  before?: string;
  /** Tell of each answer what its prompt was made of */
  explain?: boolean;
}

/** Options of: Search the memory. */
export interface SearchMemoryOptions {
  /** Words, in any language. */
  query: string;
  /** Most results. Default 10. */
  limit?: number;
  type?: Kind;
  /** Only what was said at or after this. */
  since?: string;
  /** Only what was said at or before this. */
  until?: string;
  /** Only what was said on this channel. */
  channel?: string;
  /** Only what was said in this conversation. */
  conversationId?: string;
}

/** Options of: Remove what lies before a time. */
export interface PruneMemoryOptions {
  /** Everything said before this. */
  before: string;
  type?: Kind;
  /** Must be true; without it, 400 tells what would be pruned. */
  confirm?: boolean;
}

/** Options of: List what is remembered. */
export interface ListMemoriesOptions {
  /** At most so many */
  limit?: number;
  /** Skip so many first */
  offset?: number;
  /** Only this kind */
  kind?: "preference" | "fact" | "task" | "conversation" | "ephemeral";
  /** Only those with this tag */
  tag?: string;
  /** Only those of this conversation */
  conversationId?: string;
  /** Superseded and expired ones, too */
  all?: boolean;
}

/** Options of: Remember something on purpose. */
export interface RememberOptions {
  /** What sort of thing is remembered; decides how long. */
  kind: "preference" | "fact" | "task" | "conversation" | "ephemeral";
  content: string;
  /** 0 (trivial) to 1 (vital). Default 0.5. */
  importance?: number;
  /** Words to find it by. */
  tags?: string[];
  /** When it stops counting. Absent: as its kind says. */
  expiresAt?: string;
  /** The conversation it comes from, with which it is erased. */
  conversationId?: string;
  /** Ids of the messages it comes from. */
  sources?: string[];
  /** Id of the entry whose place it takes. */
  supersedes?: string;
}

/** Options of: Make Markdown of the log. */
export interface CompactMemoryOptions {
  /** By extraction even if a model could be asked. Default false. */
  offline?: boolean;
  /** Only say what would be done; waits. Default false. */
  dryRun?: boolean;
  /** The newest segment, too. Default false. */
  everything?: boolean;
  /** Whether to answer when it is done instead of when it begins. Default false. */
  wait?: boolean;
}

/** Options of: Past compactions and the one under way. */
export interface CompactionHistoryOptions {
  /** At most so many */
  limit?: number;
}

/** Options of: Give out what was said and remembered. */
export interface ExportMemoryOptions {
  /** At most so many lines */
  limit?: number;
  /** Go on from here: the `X-Next-Cursor` of the page before */
  after?: number;
}

/** Options of: Install a skill. */
export interface InstallSkillOptions {
  name: string;
  /** Absent: the newest. */
  version?: string;
}

/** Options of: Take a pairing back. */
export interface UnpairUserOptions {
  /** The user's id on the platform */
  user: string;
}

/** Options of: The gateway's log. */
export interface LogsOptions {
  /** At most so many */
  lines?: number;
  /** This level and graver ones */
  level?: "debug" | "info" | "warn" | "error" | "trace";
  /** Only at or after this time */
  since?: string;
  /** Only of this component */
  component?: "gateway" | "reasoning" | "memory" | "skills" | "channels";
}

/** What each operation answers. */
export interface Answers {
  health: Health;
  status: Status;
  sendMessage: MessageResponse | PendingMessage;
  cancelMessage: CancelledMessage;
  messageStatus: MessageStatus;
  approveMessage: Approved;
  messageContext: MessageContext;
  listConversations: ConversationList;
  getConversation: Conversation;
  deleteConversation: ConversationDeleted;
  memoryStats: MemoryStats;
  searchMemory: SearchResponse;
  pruneMemory: PruneResponse;
  listMemories: EntryList;
  remember: EntryItem;
  getMemory: EntryItem;
  forgetMemory: EntryDeleted;
  completeMemory: EntryItem;
  compactMemory: CompactionReport | CompactionBegun;
  compactionHistory: CompactionHistory;
  collectGarbage: Collected;
  verifyMemory: Verified;
  importMemory: Imported;
  listSkills: SkillList;
  installSkill: SkillItem;
  removeSkill: SkillRemoved;
  listChannels: ChannelList;
  channelStatus: ChannelDetails;
  pairChannel: Pairing;
  listPaired: People;
  unpairUser: Unpaired;
  channelWebhook: Record<string, unknown>;
  getConfig: Record<string, unknown>;
  putConfig: ConfigUpdated;
  logs: LogList;
}
