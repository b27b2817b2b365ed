import { NotFoundError, OpenClawError, fromBody } from "./errors.js";
import { MessageStream, type StreamOptions } from "./stream.js";
import { follow, uniqueKey } from "./time.js";
import type { CallOptions, Transport } from "./transport.js";
import type {
  ApproveMessageOptions,
  Approved,
  CancelledMessage,
  MessageContext,
  MessageResponse,
  MessageStatus,
  PendingMessage,
  SendMessageOptions,
} from "./types.js";
import { type Metadata, metadata, snake } from "./wire.js";

/** What goes along with a message. */
export interface SendOptions {
  /** Where the message comes from. Default `api`. */
  channel?: SendMessageOptions["channel"];
  /** Where it belongs; absent: a new conversation; unknown: created under this id. */
  conversationId?: string | undefined;
  /** Who sent it, and files. */
  metadata?: Metadata | undefined;
  /** The same key within 24 hours returns the first answer and runs nothing twice. Default: a new one for each call. */
  idempotencyKey?: string | undefined;
}

export interface MessageOptions extends SendOptions {
  /** False: return as soon as the message is accepted; `client.messages.wait` waits for the answer. */
  waitForResponse?: boolean | undefined;
  /** Most time to wait for the answer, in milliseconds; the run goes on after it. Default 30000, at most 600000. */
  timeoutMs?: number | undefined;
  /** Ends waiting. The run goes on, unless `cancelOnAbort`. */
  signal?: AbortSignal | undefined;
  /** Whether aborting also cancels the run. Default false. */
  cancelOnAbort?: boolean | undefined;
}

/** A run's id, or something that carries it: what was accepted, a status, or the error of one that took too long. */
export type RunRef = string | { id: string } | OpenClawError;

/** Time beyond `timeoutMs` in which the gateway's own 408 should arrive. */
const GRACE_MS = 10_000;

/** Messages, and the runs that answer them. */
export class Messages {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** As `client.message`. */
  async send(text: string, options: MessageOptions = {}): Promise<MessageResponse | PendingMessage> {
    const { signal, cancelOnAbort, waitForResponse, timeoutMs, ...send } = options;
    if (cancelOnAbort && signal && waitForResponse !== false) return this.#sendAndCancel(text, send, signal, timeoutMs);
    const call = begin(text, send, { waitForResponse, timeoutMs });
    const requestTimeoutMs = (timeoutMs ?? 30_000) + GRACE_MS;
    return (await this.#transport.json("sendMessage", { ...call, signal, requestTimeoutMs })) as MessageResponse | PendingMessage;
  }

  /** As `client.messageStream`. */
  sendStream(text: string, options: SendOptions & StreamOptions = {}): MessageStream {
    const { signal, cancelOnAbort, ...send } = options;
    return new MessageStream(this.#transport, { begin: begin(text, send, {}) }, { signal, cancelOnAbort });
  }

  /** Where a run stands, with its answer or its failure. */
  async status(run: RunRef, options: CallOptions = {}): Promise<MessageStatus> {
    return (await this.#transport.json("messageStatus", { ...options, parameter: runId(run) })) as MessageStatus;
  }

  /** A run's events, from the start or from behind the event `lastEventId`. */
  stream(run: RunRef, options: StreamOptions & { lastEventId?: string | undefined } = {}): MessageStream {
    return new MessageStream(this.#transport, { runId: runId(run), lastEventId: options.lastEventId }, options);
  }

  /** Waits for a run's answer, however long it takes and whatever happens to the connection. Throws what it failed with. */
  async wait(run: RunRef, options: StreamOptions = {}): Promise<MessageResponse> {
    const id = runId(run);
    // Following it costs one request, and tells the moment it ends; asking again and again would use up the rate limit.
    try {
      for await (const _ of this.stream(id, options));
    } catch (error) {
      // What the run failed with, its status says too.
      if (!(error instanceof OpenClawError) || error.runId === undefined) throw error;
    }
    const status = await this.status(id, { signal: options.signal });
    if (status.response) return status.response;
    if (status.error) throw fromBody(status.error, status.error.status);
    const details = { id, conversation_id: status.conversation_id, reason: status.status };
    throw fromBody({ error: "conflict", message: `The run is ${status.status}`, status: 409, details }, 409);
  }

  /** Cancels a run that is still processing. */
  async cancel(run: RunRef, options: CallOptions = {}): Promise<CancelledMessage> {
    return (await this.#transport.json("cancelMessage", { ...options, parameter: runId(run) })) as CancelledMessage;
  }

  /** Allows, or denies, the calls of a run that wait for a person: one of them, or all. */
  async approve(run: RunRef, options: ApproveMessageOptions & CallOptions = {}): Promise<Approved> {
    const { signal, requestTimeoutMs, ...body } = options;
    const call = { signal, requestTimeoutMs, parameter: runId(run), body: snake(body) };
    return (await this.#transport.json("approveMessage", call)) as Approved;
  }

  /** What a run's prompt was made of. */
  async context(run: RunRef, options: CallOptions = {}): Promise<MessageContext> {
    return (await this.#transport.json("messageContext", { ...options, parameter: runId(run) })) as MessageContext;
  }

  /** Whoever wants to cancel a run has to know its id: the message is accepted first, and then waited for. */
  async #sendAndCancel(text: string, send: SendOptions, signal: AbortSignal, timeoutMs = 30_000): Promise<MessageResponse> {
    if (signal.aborted) throw signal.reason;
    const accepted = (await this.send(text, { ...send, waitForResponse: false })) as PendingMessage;
    const { controller, release } = follow(signal);
    const details = { id: accepted.id, conversation_id: accepted.conversation_id, poll_url: accepted.poll_url };
    const body = { error: "timeout", message: `The answer took longer than ${timeoutMs} ms; the run goes on`, status: 408, details };
    const late = fromBody(body, 408);
    const timer = setTimeout(() => controller.abort(late), timeoutMs);
    try {
      return await this.wait(accepted, { signal: controller.signal });
    } catch (error) {
      if (signal.aborted) await this.cancel(accepted).catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
      release();
    }
  }
}

function begin(text: string, options: SendOptions, more: object) {
  const { channel = "api", idempotencyKey = uniqueKey(), metadata: given, ...rest } = options;
  const body = { channel, message: text, ...snake({ ...rest, ...more }), ...(given && { metadata: metadata(given) }) };
  // With a key, sending it again is safe.
  return { body, headers: { "idempotency-key": idempotencyKey }, repeatable: true };
}

function runId(run: RunRef): string {
  const id = typeof run === "string" ? run : run instanceof OpenClawError ? run.runId : run.id;
  if (id) return id;
  throw new NotFoundError("This names no run", { status: 404, code: "not_found" });
}
