import { ClientTimeoutError, ConnectionError, OpenClawError, fromBody } from "./errors.js";
import type { SessionOptions } from "./session.js";
import { type Socket, socketClass } from "./socket.js";
import type { Transport } from "./transport.js";
import { parseObject } from "./wire.js";

type Frame = Record<string, unknown>;

/** Frames that answer one request, until they are read. */
class Inbox {
  readonly #frames: Frame[] = [];
  #failed: { reason: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(frame: Frame): void {
    this.#frames.push(frame);
    this.#wake?.();
  }

  fail(reason: unknown): void {
    this.#failed ??= { reason };
    this.#wake?.();
  }

  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame) return frame;
      if (this.#failed) throw this.#failed.reason;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** One authenticated connection, from its opening to its end. */
export class Line {
  /** The gateway's name for it. */
  readonly id: string;
  /** Resolves when it is closed. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #inboxes = new Map<string, Inbox>();
  #pongs: (() => void)[] = [];
  #heard = Date.now();
  #over: { reason: unknown } | undefined;
  /** Why the gateway closes, if it said so before. */
  #said: OpenClawError | undefined;

  /** Connects and authenticates. `gone` is called when the connection is of no more use. */
  static async open(transport: Transport, options: SessionOptions, gone: () => void): Promise<Line> {
    const WebSocket = options.WebSocket ?? (await socketClass());
    const socket = new WebSocket(`${transport.base.replace(/^http/, "ws")}/ws`);
    const limit = options.connectTimeoutMs ?? 10_000;
    const id = await new Promise<string>((resolve, reject) => {
      const fail = (error: unknown) => {
        clearTimeout(timer);
        // Closing may call us back at once.
        socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
        reject(error);
        socket.close();
      };
      const timer = setTimeout(() => {
        fail(new ClientTimeoutError(`The session was not open within ${limit} ms`, { status: 0, code: "client_timeout" }));
      }, limit);
      socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token: transport.token ?? "" }));
      socket.onerror = (event) => fail(broken(event?.message || "it can't be opened"));
      socket.onclose = ({ code, reason }) => fail(broken(reason || `closed with ${code}`));
      socket.onmessage = ({ data }) => {
        const frame = parseObject(String(data)) ?? {};
        if (frame["type"] !== "auth_success") return fail(fromBody(frame, 401));
        clearTimeout(timer);
        resolve(String(frame["session_id"]));
      };
    });
    return new Line(socket, id, options.pingMs ?? 30_000, gone);
  }

  private constructor(socket: Socket, id: string, pingMs: number, gone: () => void) {
    this.#socket = socket;
    this.id = id;
    const heart = setInterval(() => this.#beat(pingMs), pingMs);
    this.ended = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => {
        clearInterval(heart);
        this.#end(code === 4001 && this.#said ? this.#said : broken(reason || `closed with ${code}`));
        gone();
        resolve();
      };
    });
    this.#gone = gone;
    socket.onerror = () => undefined;
    socket.onmessage = ({ data }) => this.#take(parseObject(String(data)) ?? {});
  }

  readonly #gone: () => void;

  /** Sends a frame; the frames that answer it, up to the one that the caller takes for the last. An `error` throws. */
  async *ask(requestId: string, body: Frame, signal?: AbortSignal): AsyncGenerator<Frame, void, void> {
    if (this.#over) throw this.#over.reason;
    if (signal?.aborted) throw signal.reason;
    const inbox = new Inbox();
    const abort = () => inbox.fail(signal?.reason);
    this.#inboxes.set(requestId, inbox);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      this.#socket.send(JSON.stringify({ ...body, request_id: requestId }));
      for (;;) {
        const frame = await inbox.next();
        if (frame["type"] === "error") throw fromBody(frame, 500);
        yield frame;
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#inboxes.delete(requestId);
    }
  }

  ping(): Promise<number> {
    const sent = Date.now();
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(this.#over.reason);
      this.#pongs.push(() => (this.#over ? reject(this.#over.reason) : resolve(Date.now() - sent)));
      this.#socket.send('{"type":"ping"}');
    });
  }

  close(reason: unknown): void {
    this.#end(reason);
    this.#socket.close(1000);
  }

  #take(frame: Frame): void {
    this.#heard = Date.now();
    if (frame["type"] === "pong") return this.#pongs.shift()?.();
    const id = frame["request_id"];
    if (id === undefined && frame["type"] === "error") this.#said = fromBody(frame, 500);
    this.#inboxes.get(String(id))?.push(frame);
  }

  /** A connection whose other side is gone says nothing, not even that. */
  #beat(pingMs: number): void {
    if (Date.now() - this.#heard > 2 * pingMs) {
      this.#end(broken(`nothing was heard for ${2 * pingMs} ms`));
      this.#gone();
      this.#socket.close();
    } else if (!this.#over) {
      this.#pongs.push(() => undefined);
      this.#socket.send('{"type":"ping"}');
    }
  }

  #end(reason: unknown): void {
    this.#over ??= { reason };
    for (const inbox of this.#inboxes.values()) inbox.fail(this.#over.reason);
    for (const pong of this.#pongs.splice(0)) pong();
  }
}

function broken(why: string): ConnectionError {
  return new ConnectionError(`The session's connection broke: ${why}`, { status: 0, code: "connection_error" });
}
