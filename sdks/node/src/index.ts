export { OpenClawClient } from "./client.js";
export {
  BadRequestError,
  ClientTimeoutError,
  type Code,
  ConflictError,
  ConnectionError,
  type ErrorInit,
  ForbiddenError,
  InternalError,
  NotFoundError,
  OpenClawError,
  RateLimitError,
  TimeoutError,
  UnauthorizedError,
  UnavailableError,
} from "./errors.js";
export { type MessageOptions, Messages, type RunRef, type SendOptions } from "./messages.js";
export { Conversations } from "./conversations.js";
export { type ExchangeItem, type ExportPage, Memory } from "./memory.js";
export { Channels, Config, Skills } from "./admin.js";
export type { PageOptions } from "./pages.js";
export { Session, type SessionMessageOptions, type SessionOptions } from "./session.js";
export { type MessageChunk, MessageStream, type StreamOptions } from "./stream.js";
export type { CallOptions, ClientOptions } from "./transport.js";
export type * from "./types.js";
export type { Attachment, Metadata } from "./wire.js";
