import { ConnectionError, OpenClawError } from "./errors.js";
import { Line } from "./line.js";
import type { SendOptions } from "./messages.js";
import type { SocketClass } from "./socket.js";
import type { MessageChunk } from "./stream.js";
import { sleep, uniqueKey } from "./time.js";
import type { Transport } from "./transport.js";
import type { ApproveMessageOptions, Approved, MessageResponse, RunEvent } from "./types.js";
import { metadata, snake } from "./wire.js";

export interface SessionOptions {
  /** Instead of the platform's own, or of ours where it has none. */
  WebSocket?: SocketClass;
  /** How long connecting and authenticating may take. Default 10000. */
  connectTimeoutMs?: number;
  /** How often a ping is sent; silence for twice as long means that the connection is dead. Default 30000. */
  pingMs?: number;
  /** Closes the session. */
  signal?: AbortSignal;
}

export interface SessionMessageOptions extends SendOptions {
  /** Most time to wait for the answer, in milliseconds. Default 30000. */
  timeoutMs?: number | undefined;
  /** Ends waiting; the run goes on. */
  signal?: AbortSignal | undefined;
}

/**
 * A WebSocket. Up to 32 messages may be under way at once. When the connection breaks, the next call opens another one; a `message`
 * that was under way is sent again with its key, so that nothing runs twice; a `messageStream` throws, with the run's id in
 * `error.runId`, and `client.messages.stream` tells what is left.
 */
export class Session {
  readonly #transport: Transport;
  readonly #options: SessionOptions;
  #line: Promise<Line> | undefined;
  #id: string | undefined;
  #closed: unknown;
  #requests = 0;

  /** @internal Use `client.session()`. */
  constructor(transport: Transport, options: SessionOptions) {
    this.#transport = transport;
    this.#options = options;
    options.signal?.addEventListener("abort", () => this.#shut(options.signal?.reason), { once: true });
    if (options.signal?.aborted) this.#shut(options.signal.reason);
  }

  /** The gateway's name for the connection there is. */
  get id(): string | undefined {
    return this.#id;
  }

  /** @internal */
  async open(): Promise<void> {
    await this.#again(this.#options.signal, async () => undefined);
  }

  /** Sends a message and waits for the answer. */
  async message(text: string, options: SessionMessageOptions = {}): Promise<MessageResponse> {
    const body = this.#body(text, options, false);
    const frame = await this.#again(options.signal, async (line) => {
      for await (const frame of line.ask(this.#next(), body, options.signal)) {
        if (frame["type"] === "response") return frame;
      }
      throw new ConnectionError("The session ended before the answer", { status: 0, code: "connection_error" });
    });
    const { type: _, request_id: __, ...response } = frame;
    return response as unknown as MessageResponse;
  }

  /** Sends a message and tells the answer as it is made. Leaving the loop early does not stop the run. */
  async *messageStream(text: string, options: SessionMessageOptions = {}): AsyncGenerator<MessageChunk, void, void> {
    const body = this.#body(text, options, true);
    const line = await this.#again(options.signal, async (line) => line);
    let runId: string | undefined;
    try {
      for await (const { request_id: _, ...frame } of line.ask(this.#next(), body, options.signal)) {
        // The whole answer, of which everything was told.
        if (frame["type"] === "response") return;
        const event = frame as unknown as Exclude<RunEvent, { type: "error" }>;
        if (event.type === "start") runId = event.id;
        yield event;
      }
    } catch (error) {
      if (error instanceof OpenClawError && runId !== undefined) error.details["id"] ??= runId;
      throw error;
    }
  }

  /** Allows, or denies, the calls of a run that wait for a person. */
  async approve(runId: string, options: ApproveMessageOptions = {}): Promise<Approved> {
    const line = await this.#connected();
    for await (const frame of line.ask(this.#next(), { type: "approve", id: runId, ...snake(options) })) {
      const { type: _, request_id: __, ...approved } = frame;
      return approved as unknown as Approved;
    }
    throw new ConnectionError("The session ended before the answer", { status: 0, code: "connection_error" });
  }

  /** Resolves when the gateway answers, with the time that took in milliseconds. */
  async ping(): Promise<number> {
    const line = await this.#connected();
    return line.ping();
  }

  /** Closes the connection. What is under way goes on at the gateway; whoever waits for it here is told by an error. */
  async close(): Promise<void> {
    const line = this.#line;
    this.#shut(new ConnectionError("The session was closed", { status: 0, code: "connection_error" }));
    await (await line?.catch(() => undefined))?.ended;
  }

  #shut(reason: unknown): void {
    this.#closed ??= reason;
    void this.#line?.then((line) => line.close(reason), () => undefined);
  }

  #next(): string {
    this.#requests += 1;
    return `r${this.#requests}`;
  }

  #body(text: string, options: SessionMessageOptions, stream: boolean): Record<string, unknown> {
    const { channel = "api", idempotencyKey = uniqueKey(), metadata: given, signal: _, ...rest } = options;
    const more = given && { metadata: metadata(given) };
    return { type: "message", channel, content: text, stream, ...snake({ ...rest, idempotencyKey }), ...more };
  }

  /** The connection there is, or a new one. */
  #connected(): Promise<Line> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    this.#line ??= this.#connect();
    return this.#line;
  }

  async #connect(): Promise<Line> {
    const forget = () => {
      this.#line = undefined;
    };
    try {
      const line = await Line.open(this.#transport, this.#options, forget);
      this.#id = line.id;
      if (this.#closed !== undefined) {
        line.close(this.#closed);
        throw this.#closed;
      }
      return line;
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** Does something that may be done twice. */
  async #again<T>(signal: AbortSignal | undefined, act: (line: Line) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await act(await this.#connected());
      } catch (error) {
        const over = this.#closed !== undefined || signal?.aborted;
        const pause = over ? undefined : this.#transport.pause(error, attempt, true);
        if (pause === undefined) throw error;
        await sleep(pause, signal);
      }
    }
  }
}
