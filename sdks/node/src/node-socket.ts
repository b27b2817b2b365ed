// A WebSocket client (RFC 6455) for Node 18 and 20, which have none. It knows what a session needs: texts, pings and closing.

import { createHash, randomBytes } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";

import type { Socket } from "./socket.js";

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
/** More than any frame the gateway sends. */
const MOST_BYTES = 64 * 1024 * 1024;
/** How long the other side may take to close in its turn. */
const FAREWELL_MS = 2_000;
const ABNORMAL = 1006;

export class NodeSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly #request: ReturnType<typeof http.request>;
  #duplex: http.Duplex | undefined;
  #received: Uint8Array = new Uint8Array();
  /** A message that comes in several frames. */
  #parts: Uint8Array[] = [];
  #closing: { code: number; reason: string } | undefined;
  #closed = false;

  constructor(address: string) {
    const url = address.replace(/^ws/, "http");
    const key = randomBytes(16).toString("base64");
    const { request } = url.startsWith("https:") ? https : http;
    this.#request = request(url, {
      headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": key },
    });
    this.#request.on("upgrade", (response, duplex, head) => {
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      if (this.#closed || response.headers["sec-websocket-accept"] !== accept) {
        duplex.destroy();
        return this.#fail("the answer to the upgrade is no WebSocket's");
      }
      this.#hold(duplex, head);
    });
    this.#request.on("response", (response) => {
      response.resume();
      this.#fail(`the upgrade was answered with ${response.statusCode}`);
    });
    this.#request.on("error", (error) => this.#fail(error.message));
    this.#request.end();
  }

  send(text: string): void {
    if (!this.#closing) this.#write(TEXT, new TextEncoder().encode(text));
  }

  close(code = 1000, reason = ""): void {
    if (this.#closing || this.#closed) return;
    this.#closing = { code, reason };
    if (!this.#duplex) {
      this.#request.destroy();
      return this.#end(ABNORMAL, "");
    }
    this.#write(CLOSE, closePayload(code, reason));
    const timer = setTimeout(() => this.#duplex?.destroy(), FAREWELL_MS) as unknown as { unref?: () => void };
    timer.unref?.();
  }

  #hold(duplex: http.Duplex, head: Uint8Array): void {
    this.#duplex = duplex;
    duplex.setNoDelay();
    duplex.on("data", (bytes) => this.#take(bytes));
    duplex.on("error", () => undefined);
    duplex.on("close", () => this.#end(this.#closing?.code ?? ABNORMAL, this.#closing?.reason ?? ""));
    this.onopen?.({});
    if (head.length > 0) this.#take(head);
  }

  #fail(why: string): void {
    if (this.#closed) return;
    this.onerror?.({ message: why });
    this.#end(ABNORMAL, why);
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onclose?.({ code, reason });
  }

  #write(opcode: number, payload: Uint8Array): void {
    this.#duplex?.write(frame(opcode, payload, randomBytes(4)));
  }

  #take(bytes: Uint8Array): void {
    this.#received = this.#received.length === 0 ? bytes : join([this.#received, bytes]);
    for (;;) {
      const found = unframe(this.#received);
      if (found === undefined) return;
      if (found === "bad") return this.#abort(1002, "a frame that servers must not send");
      this.#received = this.#received.subarray(found.length);
      this.#react(found);
      if (this.#closed) return;
    }
  }

  #react({ final, opcode, payload }: Frame): void {
    if (opcode === PING) return this.#write(PONG, payload);
    if (opcode === PONG) return;
    if (opcode === CLOSE) {
      const [high, low] = payload;
      const code = high === undefined || low === undefined ? 1005 : high * 256 + low;
      const said = { code, reason: new TextDecoder().decode(payload.subarray(2)) };
      // Whoever closes second repeats the code.
      if (!this.#closing) this.#write(CLOSE, payload.subarray(0, 2));
      this.#closing = said;
      this.#duplex?.end();
      return;
    }
    this.#parts.push(payload);
    if (this.#parts.reduce((sum, part) => sum + part.length, 0) > MOST_BYTES) return this.#abort(1009, "too large");
    if (!final) return;
    const whole = join(this.#parts);
    this.#parts = [];
    this.onmessage?.({ data: new TextDecoder().decode(whole) });
  }

  #abort(code: number, reason: string): void {
    this.#closing = { code, reason };
    this.#write(CLOSE, closePayload(code, reason));
    this.#duplex?.destroy();
  }
}

interface Frame {
  final: boolean;
  opcode: number;
  payload: Uint8Array;
  /** Of the whole frame. */
  length: number;
}

/** Clients mask what they send, so that no proxy takes it for a request. */
export function frame(opcode: number, payload: Uint8Array, mask: Uint8Array): Uint8Array {
  const { length } = payload;
  const extra = length < 126 ? 0 : length < 0x10000 ? 2 : 8;
  const bytes = new Uint8Array(2 + extra + 4 + length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x80 | opcode);
  view.setUint8(1, 0x80 | (extra === 0 ? length : extra === 2 ? 126 : 127));
  if (extra === 2) view.setUint16(2, length);
  if (extra === 8) view.setBigUint64(2, BigInt(length));
  bytes.set(mask, 2 + extra);
  const body = bytes.subarray(6 + extra);
  payload.forEach((byte, at) => {
    body[at] = byte ^ (mask[at % 4] ?? 0);
  });
  return bytes;
}

/** The first frame, if it is there as a whole. */
export function unframe(bytes: Uint8Array): Frame | "bad" | undefined {
  if (bytes.length < 2) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [first, second] = [view.getUint8(0), view.getUint8(1)];
  // Reserved bits, or a mask, which only clients use.
  if ((first & 0x70) !== 0 || (second & 0x80) !== 0) return "bad";
  const short = second & 0x7f;
  const start = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < start) return undefined;
  const length = short === 126 ? view.getUint16(2) : short === 127 ? Number(view.getBigUint64(2)) : short;
  if (length > MOST_BYTES) return "bad";
  if (bytes.length < start + length) return undefined;
  const payload = bytes.slice(start, start + length);
  return { final: (first & 0x80) !== 0, opcode: first & 0x0f, payload, length: start + length };
}

function closePayload(code: number, reason: string): Uint8Array {
  return join([new Uint8Array([code >> 8, code & 0xff]), new TextEncoder().encode(reason)]);
}

function join(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
