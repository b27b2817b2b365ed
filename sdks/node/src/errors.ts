import type { ErrorCode } from "./types.js";

/** Codes of the gateway, and those this library adds for what never got an answer, or no proper one. */
export type Code = ErrorCode | "connection_error" | "client_timeout" | "invalid_response";

export interface ErrorInit {
  /** HTTP status; 0 when there was no answer. */
  status: number;
  code: Code | (string & {});
  details?: Record<string, unknown>;
  requestId?: string | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Everything this library throws, except what an `AbortSignal` was aborted with. */
export class OpenClawError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly code: Code | (string & {});
  /** What programs may want to know: a field and the reason, a run's id, …. */
  readonly details: Record<string, unknown>;
  /** Finds the request in the gateway's log. */
  readonly requestId: string | undefined;
  /** When the gateway says to come back, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, init: ErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = new.target.name;
    this.status = init.status;
    this.code = init.code;
    this.details = init.details ?? {};
    this.requestId = init.requestId ?? text(this.details["request_id"]);
    this.retryAfterMs = init.retryAfterMs;
  }

  /** The run that failed, if one had begun. */
  get runId(): string | undefined {
    return text(this.details["id"]);
  }
}

/** 400: the request is not what the contract asks for; `details.field` and `details.reason` say why. */
export class BadRequestError extends OpenClawError {}
/** 401: no valid token. */
export class UnauthorizedError extends OpenClawError {}
/** 403: known, but not allowed. */
export class ForbiddenError extends OpenClawError {}
/** 404: no such thing. */
export class NotFoundError extends OpenClawError {}
/** 409: not in the state that the request needs; also a run that was cancelled while you waited for it. */
export class ConflictError extends OpenClawError {}
/** 429: too many requests, still after this library came back when it was told to. */
export class RateLimitError extends OpenClawError {}
/** 500: a fault of the gateway. */
export class InternalError extends OpenClawError {}
/** 503: something the gateway needs does not answer. */
export class UnavailableError extends OpenClawError {}

/** 408: the answer takes longer than you would wait. The run goes on: `client.messages.wait(error)` waits for it. */
export class TimeoutError extends OpenClawError {
  get conversationId(): string | undefined {
    return text(this.details["conversation_id"]);
  }

  /** Path where the run may be asked after. */
  get pollUrl(): string | undefined {
    return text(this.details["poll_url"]);
  }
}

/** No answer: the gateway is not there, or the connection broke. */
export class ConnectionError extends OpenClawError {}
/** No answer within this library's own limit. */
export class ClientTimeoutError extends ConnectionError {}

const CLASSES: Record<number, typeof OpenClawError> = {
  400: BadRequestError,
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  408: TimeoutError,
  409: ConflictError,
  429: RateLimitError,
  500: InternalError,
  503: UnavailableError,
};

/** The body of an error, an `error` event and an `error` frame are one and the same. */
export function fromBody(body: unknown, status: number, init: Partial<ErrorInit> = {}): OpenClawError {
  const fields = isObject(body) ? body : {};
  const said = typeof fields["status"] === "number" ? fields["status"] : status;
  const code = text(fields["error"]) ?? "invalid_response";
  const message = text(fields["message"]) ?? `The gateway answered ${status} without saying why`;
  const details = isObject(fields["details"]) ? fields["details"] : {};
  const reset = Date.parse(text(details["reset_at"]) ?? "");
  const retryAfterMs = init.retryAfterMs ?? (Number.isNaN(reset) ? undefined : Math.max(0, reset - Date.now()));
  return new (CLASSES[said] ?? OpenClawError)(message, { status: said, code, details, ...init, retryAfterMs });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
