import { ClientTimeoutError, ConnectionError, OpenClawError, fromBody } from "./errors.js";
import { type Operation, operations } from "./operations.js";
import { backoff, follow, sleep } from "./time.js";
import { fill, parseObject } from "./wire.js";

export interface ClientOptions {
  /** Where the gateway is, with or without `/api/v1`. Default `http://127.0.0.1:18789`. */
  baseUrl?: string | URL;
  /** `gateway.auth.token` of the gateway's configuration; none when authentication is off. */
  token?: string | undefined;
  /** How long a request may take, in milliseconds; `message` waits for `timeoutMs` of its own. Default 60000. */
  requestTimeoutMs?: number;
  /** A stream that says nothing for so long (not even its pings, every 15 s) is taken for broken. Default 45000. */
  idleTimeoutMs?: number;
  /** How often a failed request is tried again, if that is safe. Default 3; 0 turns it off. */
  maxRetries?: number;
  /** A `Retry-After` above this, in milliseconds, is an error instead of a pause. Default 60000. */
  maxRetryWaitMs?: number;
  /** Instead of the global one. */
  fetch?: typeof globalThis.fetch;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call; it throws what the signal was aborted with. */
  signal?: AbortSignal | undefined;
  /** Overrides `requestTimeoutMs` of the client. */
  requestTimeoutMs?: number | undefined;
}

export interface Call extends CallOptions {
  /** What stands in the path's braces. */
  parameter?: string;
  query?: Record<string, unknown>;
  /** An object to be sent as JSON, or a text that is sent as it is. */
  body?: object | string;
  headers?: Record<string, string>;
  /** Whether doing it twice does no harm. Default: for `GET`. */
  repeatable?: boolean;
}

/** Beyond the 503 that the gateway says itself: what proxies in front of it say. */
const PASSING = new Set([502, 503, 504]);

export class Transport {
  readonly base: string;
  readonly token: string | undefined;
  readonly idleTimeoutMs: number;
  readonly maxRetries: number;
  readonly #requestTimeoutMs: number;
  readonly #maxRetryWaitMs: number;
  readonly #fetch: typeof globalThis.fetch;

  constructor(options: ClientOptions) {
    const url = new URL(options.baseUrl ?? "http://127.0.0.1:18789");
    this.base = `${url.origin}${url.pathname.replace(/\/+$/, "").replace(/\/api\/v1$/, "")}/api/v1`;
    this.token = options.token;
    this.idleTimeoutMs = options.idleTimeoutMs ?? 45_000;
    this.maxRetries = options.maxRetries ?? 3;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 60_000;
    this.#maxRetryWaitMs = options.maxRetryWaitMs ?? 60_000;
    // Browsers want their fetch to be called as a function, not as our method.
    const fetch = options.fetch ?? globalThis.fetch;
    this.#fetch = (input, init) => fetch(input, init);
  }

  /** Calls an operation and reads its answer as JSON. */
  async json(operation: Operation, call: Call = {}): Promise<unknown> {
    return (await this.text(operation, call, (text) => text === "" || parseObject(text) !== undefined)).body;
  }

  /** Calls an operation and reads its answer, which `accept` says is what was expected. */
  async text(operation: Operation, call: Call, accept: (text: string) => boolean): Promise<{ body: unknown; text: string; headers: Headers }> {
    const limit = call.requestTimeoutMs ?? this.#requestTimeoutMs;
    return this.#repeat(operation, call, async () => {
      const { controller, release } = follow(call.signal);
      const late = new ClientTimeoutError(`${operation} was not answered within ${limit} ms`, { status: 0, code: "client_timeout" });
      const timer = setTimeout(() => controller.abort(late), limit);
      try {
        const response = await this.#send(operation, call, controller.signal);
        const text = await response.text();
        if (!accept(text)) throw invalid(operation, response);
        return { body: parseObject(text), text, headers: response.headers };
      } catch (error) {
        throw told(error, controller.signal, operation);
      } finally {
        clearTimeout(timer);
        release();
      }
    });
  }

  /** Calls an operation that answers with a stream. Whoever has it watches over its time. */
  async open(operation: Operation, call: Call, controller: AbortController): Promise<ReadableStream<Uint8Array>> {
    const headers = { accept: "text/event-stream", ...call.headers };
    const limit = call.requestTimeoutMs ?? this.#requestTimeoutMs;
    const late = new ClientTimeoutError(`${operation} did not begin within ${limit} ms`, { status: 0, code: "client_timeout" });
    const timer = setTimeout(() => controller.abort(late), limit);
    try {
      const response = await this.#send(operation, { ...call, headers }, controller.signal);
      const kind = response.headers.get("content-type") ?? "";
      if (!kind.startsWith("text/event-stream") || !response.body) {
        await response.body?.cancel();
        throw invalid(operation, response);
      }
      return response.body;
    } catch (error) {
      throw told(error, controller.signal, operation);
    } finally {
      clearTimeout(timer);
    }
  }

  /** How long to wait before trying again; undefined when that would not be right. */
  pause(error: unknown, attempt: number, repeatable: boolean, most = this.maxRetries): number | undefined {
    if (!(error instanceof OpenClawError) || attempt >= most) return undefined;
    if (error.status === 429) {
      // Refused before anything was done.
    } else if (error instanceof ConnectionError) {
      if (!repeatable && !refused(error)) return undefined;
    } else if (PASSING.has(error.status)) {
      // A run that failed has failed; one that goes on after the gateway's next start is found there by its key.
      const over = error.runId !== undefined && error.details["poll_url"] === undefined;
      if (!repeatable || over) return undefined;
    } else {
      return undefined;
    }
    const told = error.retryAfterMs;
    if (told === undefined) return backoff(attempt);
    return told > this.#maxRetryWaitMs ? undefined : told + Math.random() * 250;
  }

  async #repeat<T>(operation: Operation, call: Call, once: () => Promise<T>): Promise<T> {
    const repeatable = call.repeatable ?? operations[operation][0] === "GET";
    for (let attempt = 0; ; attempt++) {
      try {
        return await once();
      } catch (error) {
        // Whoever set a limit did not mean so much of it again.
        const late = error instanceof ClientTimeoutError;
        const pause = late ? undefined : this.pause(error, attempt, repeatable);
        if (pause === undefined) throw error;
        await sleep(pause, call.signal);
      }
    }
  }

  async #send(operation: Operation, call: Call, signal: AbortSignal): Promise<Response> {
    const [method, path] = operations[operation];
    const url = new URL(this.base + fill(path, call.parameter));
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, String(value));
    const headers: Record<string, string> = { accept: "application/json", ...call.headers };
    if (this.token !== undefined) headers["authorization"] = `Bearer ${this.token}`;
    const init: RequestInit = { method, headers, signal, redirect: "error" };
    if (call.body !== undefined) {
      headers["content-type"] ??= "application/json";
      init.body = typeof call.body === "string" ? call.body : JSON.stringify(call.body);
    }
    const response = await this.#fetch(url, init);
    // A degraded gateway says so in the words of a healthy one.
    if (response.ok || (operation === "health" && response.status === 503)) return response;
    throw fromBody(parseObject(await response.text()), response.status, {
      requestId: response.headers.get("x-request-id") ?? undefined,
      retryAfterMs: retryAfter(response.headers.get("retry-after")),
    });
  }
}

/** Seconds, or a date. */
function retryAfter(header: string | null): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function invalid(operation: Operation, response: Response): OpenClawError {
  const requestId = response.headers.get("x-request-id") ?? undefined;
  const message = `${operation} was answered with something else than expected; is this the address of a gateway?`;
  return new OpenClawError(message, { status: response.status, code: "invalid_response", requestId });
}

/** What the caller is told of a failure: their own reason for aborting, our time-out, or a broken connection. */
export function told(error: unknown, signal: AbortSignal, operation: string): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof OpenClawError) return error;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const why = cause instanceof Error ? cause.message || (cause as { code?: string }).code : String(cause);
  return new ConnectionError(`${operation}: no connection to the gateway: ${why}`, { status: 0, code: "connection_error", cause: error });
}

/** Whether nobody was listening, so that nothing can have been done. */
function refused(error: OpenClawError): boolean {
  const cause = error.cause as { code?: string; cause?: { code?: string } } | undefined;
  return [cause?.code, cause?.cause?.code].some((code) => code === "ECONNREFUSED" || code === "ENOTFOUND");
}
