import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import * as sdk from "../dist/index.js";
import { NodeSocket, frame, unframe } from "../dist/node-socket.js";
import { start, until } from "./server.mjs";

/** A WebSocket server that does with each frame what the test says: `act(frame, line, number of the connection)`. */
async function serve(act, { auth = { type: "auth_success", session_id: "ws_1" } } = {}) {
  const { server, client, baseUrl } = await start({});
  const frames = [];
  const lines = [];
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
    const line = {
      number: lines.length,
      closed: undefined,
      raw: (opcode, payload) => socket.write(unmasked(opcode, payload)),
      send: (value) => line.raw(1, new TextEncoder().encode(JSON.stringify(value))),
      cut: () => socket.destroy(),
    };
    lines.push(line);
    let received = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, bytes]);
      for (let found; (found = masked(received)); received = received.subarray(found.length)) {
        if (found.opcode === 8) {
          line.closed = found.payload.length > 1 ? found.payload.readUInt16BE() : 1005;
          line.raw(8, found.payload);
          socket.end();
        } else if (found.opcode === 1) {
          const value = JSON.parse(found.payload.toString());
          frames.push(value);
          if (value.type === "auth") line.send(auth);
          else if (value.type === "ping") line.send({ type: "pong" });
          else act(value, line);
        } else line.pong = found.payload.toString();
      }
    });
  });
  return { client, baseUrl, frames, lines };
}

/** What a server sends is what a client sends, but for the mask. */
function unmasked(opcode, payload) {
  const bytes = frame(opcode, payload, new Uint8Array(4));
  const head = bytes.length - payload.length - 4;
  bytes[1] &= 0x7f;
  return Buffer.concat([bytes.subarray(0, head), payload]);
}

function masked(bytes) {
  if (bytes.length < 2) return undefined;
  const short = bytes[1] & 0x7f;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < head + 4 + length) return undefined;
  const mask = bytes.subarray(head, head + 4);
  const payload = Buffer.from(bytes.subarray(head + 4, head + 4 + length).map((byte, at) => byte ^ mask[at % 4]));
  return { opcode: bytes[0] & 15, payload, length: head + 4 + length };
}

const answer = ({ request_id, content }) => ({ type: "response", request_id, id: "msg_resp_1", content });

/** With our socket everywhere, and with the platform's where there is one. */
function each(name, act) {
  test(name, () => act({ WebSocket: NodeSocket }));
  if (globalThis.WebSocket) test(`${name} (the platform's socket)`, () => act({}));
}

each("many messages are under way at once, and each gets its own answer", async (options) => {
  const held = [];
  const { client, frames } = await serve((value, line) => {
    held.push(value);
    if (held.length === 3) for (const each of held.reverse()) line.send(answer(each));
  });
  const session = await client().session(options);
  assert.equal(session.id, "ws_1");
  const answers = await Promise.all(["a", "b", "c"].map((text) => session.message(text, { conversationId: text })));
  assert.deepEqual(answers.map(({ content }) => content), ["a", "b", "c"]);
  assert.deepEqual(Object.keys(answers[0]), ["id", "content"]);
  assert.deepEqual(frames[0], { type: "auth", token: "secret" });
  assert.deepEqual([frames[1].channel, frames[1].conversation_id, frames[1].stream], ["api", "a", false]);
  assert.ok((await session.ping()) >= 0);
  await session.close();
  await assert.rejects(session.message("x"), /closed/);
});

each("events are told as they come", async (options) => {
  const { client } = await serve(({ request_id, content }, line) => {
    line.send({ type: "start", id: "msg_pending_1", conversation_id: "c", request_id });
    line.raw(9, Buffer.from("are you there?"));
    for (const content of ["1 ", "2 "]) line.send({ type: "token", content, request_id });
    if (content === "fail") line.send({ type: "error", error: "service_unavailable", message: "no", status: 503, request_id });
    line.send({ type: "end", id: "msg_resp_1", request_id });
    line.send(answer({ request_id, content: "1 2 " }));
  });
  const session = await client().session(options);
  const types = [];
  let text = "";
  for await (const chunk of session.messageStream("x")) {
    types.push(chunk.type);
    text += chunk.content ?? "";
    assert.equal(chunk.request_id, undefined);
  }
  assert.deepEqual([types, text], [["start", "token", "token", "end"], "1 2 "]);
  await assert.rejects(
    async () => {
      for await (const _ of session.messageStream("fail"));
    },
    (error) => error instanceof sdk.UnavailableError && error.runId === "msg_pending_1",
  );
  await session.close();
});

each("a wrong token is said so, at the beginning and later", async (options) => {
  const refusal = { type: "error", error: "unauthorized", message: "no valid token", status: 401 };
  const { client } = await serve(() => undefined, { auth: refusal });
  await assert.rejects(client().session(options), sdk.UnauthorizedError);

  const later = await serve((_, line) => {
    line.send(refusal);
    line.raw(8, Buffer.from([4001 >> 8, 4001 & 255]));
  });
  const session = await later.client().session(options);
  await assert.rejects(session.message("x"), sdk.UnauthorizedError);
  await session.close();
});

each("a message goes again over a new connection with the same key", async (options) => {
  const { client, frames, lines } = await serve((value, line) => (line.number === 0 ? line.cut() : line.send(answer(value))));
  const session = await client().session(options);
  assert.equal((await session.message("x")).content, "x");
  const keys = frames.filter(({ type }) => type === "message").map(({ idempotency_key }) => idempotency_key);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  assert.equal(lines.length, 2);
  await session.close();
});

each("a message over the limit goes again when the limit is reset", async (options) => {
  let refused = 0;
  const { client } = await serve((value, line) => {
    if (refused++ > 0) return line.send(answer(value));
    const details = { limit: 60, remaining: 0, reset_at: new Date(Date.now() + 400).toISOString() };
    line.send({ type: "error", error: "rate_limited", message: "wait", status: 429, details, request_id: value.request_id });
  });
  const session = await client().session(options);
  const begun = Date.now();
  assert.equal((await session.message("x")).content, "x");
  assert.ok(Date.now() - begun >= 390);
  await session.close();
});

each("a stream that breaks throws with the run's id, and the session goes on", async (options) => {
  const { client } = await serve((value, line) => {
    if (!value.stream) return line.send(answer(value));
    line.send({ type: "start", id: "msg_pending_1", conversation_id: "c", request_id: value.request_id });
    line.cut();
  });
  const session = await client().session(options);
  await assert.rejects(
    async () => {
      for await (const _ of session.messageStream("x"));
    },
    (error) => error instanceof sdk.ConnectionError && error.runId === "msg_pending_1",
  );
  assert.equal((await session.message("y")).content, "y");
  await session.close();
});

each("a connection that says nothing is given up", async (options) => {
  const { client, lines } = await serve((value, line) => line.number > 0 && line.send(answer(value)));
  const session = await client().session({ ...options, pingMs: 200 });
  lines[0].send = () => undefined;
  assert.equal((await session.message("x")).content, "x");
  assert.equal(lines.length, 2);
  await session.close();
});

each("signals end waiting, and the session", async (options) => {
  const { client, lines } = await serve(() => undefined);
  const abort = new AbortController();
  const session = await client().session({ ...options, signal: abort.signal });
  await assert.rejects(session.message("x", { signal: AbortSignal.timeout(20) }), { name: "TimeoutError" });
  const waiting = session.message("y");
  abort.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await until(() => lines[0].closed === 1000);
});

each("nobody there, or no WebSocket, is an error", async (options) => {
  const { client, server } = await start({});
  await assert.rejects(client({ maxRetries: 0 }).session(options), sdk.ConnectionError);
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"));
  await assert.rejects(client({ maxRetries: 1 }).session(options), sdk.ConnectionError);
  await assert.rejects(new sdk.OpenClawClient({ baseUrl: "http://127.0.0.1:1", maxRetries: 1 }).session(options), sdk.ConnectionError);
});

each("frames of every length come through, and pings are answered", async (options) => {
  const { client, lines } = await serve((value, line) => line.send(answer(value)));
  const session = await client().session(options);
  for (const length of [0, 1, 70, 200, 65_000, 70_000]) {
    const text = "茶".repeat(length);
    assert.equal((await session.message(text)).content, text);
  }
  lines[0].raw(9, Buffer.from("hi"));
  await until(() => lines[0].pong === "hi");
  await session.close();
  assert.equal(lines[0].closed, 1000);
});

test("a frame that is cut anywhere is waited for, and what servers must not send is refused", () => {
  const whole = unmasked(1, Buffer.alloc(300, "a"));
  for (let cut = 0; cut < whole.length; cut++) assert.equal(unframe(whole.subarray(0, cut)), undefined);
  assert.equal(unframe(whole).payload.length, 300);
  assert.equal(unframe(frame(1, Buffer.from("masked"), new Uint8Array(4))), "bad");
  assert.equal(unframe(Buffer.from([0xc1, 0])), "bad");
});
