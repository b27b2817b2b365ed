import { ClientTimeoutError, ConnectionError, OpenClawError, fromBody } from "./errors.js";
import { SseParser } from "./sse.js";
import { follow, sleep } from "./time.js";
import { type Call, type Transport, told } from "./transport.js";
import type { ErrorEvent, RunEvent } from "./types.js";
import { parseObject } from "./wire.js";

/** A run that has begun is worth more attempts than one that has not: it lasts through a restart of the gateway. */
const PATIENCE = 3;

/** An event of a run. A run that fails throws instead of an event. */
export type MessageChunk = Exclude<RunEvent, ErrorEvent>;

export interface StreamOptions {
  /** Ends the iteration; it throws what the signal was aborted with. */
  signal?: AbortSignal | undefined;
  /** Whether leaving before the end (`break`, an error of yours, the signal) also cancels the run. Default false: it goes on. */
  cancelOnAbort?: boolean | undefined;
}

/**
 * A run's events. Iterating begins it; a connection that breaks is taken up where it broke. After leaving a loop early, another
 * loop over the same stream goes on behind the last event.
 */
export class MessageStream implements AsyncIterable<MessageChunk> {
  readonly #transport: Transport;
  readonly #begin: Call | undefined;
  readonly #options: StreamOptions;
  #runId: string | undefined;
  #conversationId: string | undefined;
  #lastEventId: string | undefined;
  #ended = false;

  /** Begins with this message, or follows the run `runId` from behind the event `lastEventId`. */
  constructor(transport: Transport, from: { begin: Call } | { runId: string; lastEventId?: string | undefined }, options: StreamOptions) {
    this.#transport = transport;
    this.#options = options;
    if ("begin" in from) this.#begin = from.begin;
    else [this.#runId, this.#lastEventId] = [from.runId, from.lastEventId];
  }

  /** The run's id, as soon as it has begun. */
  get runId(): string | undefined {
    return this.#runId;
  }

  get conversationId(): string | undefined {
    return this.#conversationId;
  }

  /** Id of the last event that was handed out: `client.messages.stream(runId, { lastEventId })` goes on behind it. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /** Cancels the run. */
  async cancel(): Promise<void> {
    if (this.#runId !== undefined && !this.#ended) await this.#transport.json("cancelMessage", { parameter: this.#runId });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MessageChunk, void, void> {
    let attempt = 0;
    try {
      while (!this.#ended) {
        try {
          for await (const chunk of this.#connection()) {
            attempt = 0;
            yield chunk;
          }
        } catch (error) {
          // Reading a run's events again does no harm, nor does a message with the same key.
          const most = this.#transport.maxRetries * (this.#runId === undefined ? 1 : PATIENCE);
          const pause = this.#ended ? undefined : this.#transport.pause(error, attempt++, true, most);
          if (pause === undefined) throw error;
          await sleep(pause, this.#options.signal);
        }
      }
    } finally {
      // Nobody is left to be told of a failure, or somebody is told of another one already.
      if (!this.#ended && this.#options.cancelOnAbort) await this.cancel().catch(() => undefined);
    }
  }

  /** Events of one connection, until the run's end; anything else throws. */
  async *#connection(): AsyncGenerator<MessageChunk, void, void> {
    const { controller, release } = follow(this.#options.signal);
    const idle = this.#transport.idleTimeoutMs;
    const silent = new ClientTimeoutError(`The stream said nothing for ${idle} ms`, { status: 0, code: "client_timeout" });
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const body = await this.#open(controller);
      const reader = body.getReader();
      const parser = new SseParser();
      for (;;) {
        timer = setTimeout(() => controller.abort(silent), idle);
        const { done, value } = await reader.read().catch((error: unknown) => {
          throw told(error, controller.signal, "messageStream");
        });
        clearTimeout(timer);
        if (done) throw new ConnectionError("The stream ended before the run did", { status: 0, code: "connection_error" });
        for (const { id, data } of parser.push(value)) {
          const event = parseObject(data);
          if (event === undefined) throw new OpenClawError("An event is no JSON", { status: 200, code: "invalid_response" });
          const chunk = this.#take(event as unknown as RunEvent, id);
          yield chunk;
          if (this.#ended) return;
        }
      }
    } finally {
      clearTimeout(timer);
      release();
      // Closes the connection, also when the loop over us was left.
      controller.abort();
    }
  }

  #open(controller: AbortController): Promise<ReadableStream<Uint8Array>> {
    if (this.#runId === undefined && this.#begin) return this.#transport.open("sendMessage", this.#begin, controller);
    const headers: Record<string, string> = this.#lastEventId === undefined ? {} : { "last-event-id": this.#lastEventId };
    return this.#transport.open("messageStream", { parameter: this.#runId ?? "", headers }, controller);
  }

  #take(event: RunEvent, id: string | undefined): MessageChunk {
    if (event.type === "error") {
      // Without an id it is no part of the run, which goes on: the gateway is leaving, and its next start takes the run up.
      this.#ended = id !== undefined;
      const error = fromBody(event, event.status);
      if (this.#runId !== undefined) error.details["id"] ??= this.#runId;
      throw error;
    }
    if (id !== undefined) this.#lastEventId = id;
    if (event.type === "start") [this.#runId, this.#conversationId] = [event.id, event.conversation_id];
    if (event.type === "end") this.#ended = true;
    return event;
  }
}
