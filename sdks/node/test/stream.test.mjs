import assert from "node:assert/strict";
import { test } from "node:test";

import * as sdk from "../dist/index.js";
import { SseParser } from "../dist/sse.js";
import { begun, ended, fails, reply, start, tells, token, until } from "./server.mjs";

async function text(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk.content ?? "";
  return text;
}

test("a stream that is cut goes on behind the last event", async () => {
  const { requests, client } = await start(
    tells([begun, token(1), token(2)], "cut"),
    fails(503, "service_unavailable"),
    tells([token(3)], "end"),
    tells([token(4), ended(5)]),
  );
  const stream = client().messageStream("count", { conversationId: "conv_1" });
  assert.equal(await text(stream), "1 2 3 4 ");
  assert.deepEqual([stream.runId, stream.conversationId, stream.lastEventId], ["msg_pending_1", "conv_1", "0-5"]);
  assert.deepEqual(requests.map(({ method, url, headers }) => [method, url, headers["last-event-id"]]), [
    ["POST", "/api/v1/message", undefined],
    ["GET", "/api/v1/message/msg_pending_1/stream", "0-2"],
    ["GET", "/api/v1/message/msg_pending_1/stream", "0-2"],
    ["GET", "/api/v1/message/msg_pending_1/stream", "0-3"],
  ]);
  assert.deepEqual(requests[0].body, { channel: "api", message: "count", conversation_id: "conv_1" });
});

test("one that is cut before it begins is begun again with the same key", async () => {
  const { requests, client } = await start(tells([], "cut"), tells([begun, token(1), ended(2)]));
  assert.equal(await text(client().messageStream("x")), "1 ");
  assert.deepEqual(requests.map(({ method }) => method), ["POST", "POST"]);
  assert.equal(requests[0].headers["idempotency-key"], requests[1].headers["idempotency-key"]);
});

test("a run that fails throws, and is not asked for again", async () => {
  const failed = ["0-2", { type: "error", error: "service_unavailable", message: "no provider", status: 503 }];
  const { requests, client } = await start(tells([begun, token(1), failed]));
  const chunks = [];
  await assert.rejects(
    async () => {
      for await (const chunk of client().messageStream("x")) chunks.push(chunk.type);
    },
    (error) => error instanceof sdk.UnavailableError && error.runId === "msg_pending_1" && error.message === "no provider",
  );
  assert.deepEqual(chunks, ["start", "token"]);
  assert.equal(requests.length, 1);
});

test("a gateway that leaves is found again after its next start", async () => {
  const details = { id: "msg_pending_1", poll_url: "/api/v1/message/msg_pending_1/status" };
  const leaving = [undefined, { type: "error", error: "service_unavailable", message: "leaving", status: 503, details }];
  const { requests, client } = await start(tells([begun, token(1), leaving]), tells([token(2), ended(3)]));
  assert.equal(await text(client().messageStream("x")), "1 2 ");
  assert.equal(requests[1].headers["last-event-id"], "0-1");
});

test("attempts are bounded, and count from the last that helped", async () => {
  const { requests, client } = await start(tells([begun], "cut"), fails(503, "service_unavailable"));
  await assert.rejects(text(client({ maxRetries: 1 }).messageStream("x")), sdk.UnavailableError);
  // The first, and three times `maxRetries` for a run that has begun.
  assert.equal(requests.length, 4);
});

test("leaving the loop closes the connection, and another loop goes on", async () => {
  const { requests, client, server } = await start(tells([begun, token(1), token(2)], "hang"), tells([token(2), ended(3)]));
  let closed = false;
  server.once("connection", (socket) => socket.on("close", () => (closed = true)));
  const stream = client().messageStream("x");
  for await (const chunk of stream) if (chunk.type === "token") break;
  await until(() => closed);
  assert.equal(requests.length, 1);
  assert.equal(await text(stream), "2 ");
  assert.equal(requests[1].headers["last-event-id"], "0-1");
});

test("leaving the loop may cancel the run", async () => {
  const { requests, client } = await start(tells([begun, token(1)], "hang"), { id: "msg_pending_1", status: "cancelled" });
  for await (const chunk of client().messageStream("x", { cancelOnAbort: true })) if (chunk.content) break;
  assert.equal(`${requests[1].method} ${requests[1].url}`, "DELETE /api/v1/message/msg_pending_1");

  const again = await start(tells([begun, token(1)], "hang"), { id: "msg_pending_1", status: "cancelled" });
  const abort = new AbortController();
  const { signal } = abort;
  await assert.rejects(async () => {
    for await (const chunk of again.client().messageStream("x", { cancelOnAbort: true, signal })) {
      if (chunk.content) abort.abort(new Error("enough"));
    }
  }, /enough/);
  assert.equal(again.requests[1].method, "DELETE");
});

test("a stream that falls silent is taken up again", async () => {
  const { requests, client } = await start(tells([begun, token(1)], "hang"), tells([token(2), ended(3)]));
  assert.equal(await text(client({ idleTimeoutMs: 300 }).messageStream("x")), "1 2 ");
  assert.equal(requests.length, 2);
});

test("an abort in the middle of silence ends the loop with its reason", async () => {
  const { client } = await start(tells([begun], "hang"));
  await assert.rejects(text(client().messageStream("x", { signal: AbortSignal.timeout(50) })), { name: "TimeoutError" });
});

test("a refusal before the stream begins is an error like any other", async () => {
  const { client } = await start(fails(400, "bad_request", { details: { field: "message" } }));
  await assert.rejects(text(client().messageStream("")), sdk.BadRequestError);
  const { client: html } = await start((_, response) => reply(response, 200, "{}"));
  await assert.rejects(text(html().messageStream("x")), { code: "invalid_response" });
});

test("waiting follows the run and returns its answer", async () => {
  const status = { id: "msg_pending_1", status: "completed", response: { content: "1 2 " } };
  const { requests, client } = await start(tells([begun, token(1)], "cut"), tells([token(2), ended(3)]), status);
  assert.equal((await client().messages.wait("msg_pending_1")).content, "1 2 ");
  assert.equal(requests.length, 3);

  const failed = ["0-1", { type: "error", error: "internal_error", message: "broke", status: 500 }];
  const error = { error: "internal_error", message: "broke", status: 500, details: { request_id: "r" } };
  const other = await start(tells([begun, failed]), { id: "msg_pending_1", status: "failed", error });
  await assert.rejects(other.client().messages.wait("msg_pending_1"), (error) => error instanceof sdk.InternalError && error.requestId === "r");
});

test("aborting a message may cancel its run", async () => {
  const pending = { id: "msg_pending_1", status: "processing", conversation_id: "c", poll_url: "/p" };
  const { requests, client } = await start(pending, tells([begun], "hang"), { id: "msg_pending_1", status: "cancelled" });
  const abort = new AbortController();
  const call = client().message("x", { signal: abort.signal, cancelOnAbort: true });
  await until(() => requests.length === 2);
  abort.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  assert.deepEqual([requests[0].body.wait_for_response, requests[2].method], [false, "DELETE"]);
});

test("events are read however they are cut", () => {
  const whole = new TextEncoder().encode(': ping\r\n\r\nid: 0-1\r\ndata: 你好\r\n\r\nid:0-2\ndata:a\ndata: b\n\ndata\rid: x\r\rdata: never whole\n');
  const expected = [{ id: "0-1", data: "你好" }, { id: "0-2", data: "a\nb" }, { id: "x", data: "" }];
  for (let cut = 0; cut <= whole.length; cut++) {
    const parser = new SseParser();
    const found = [...parser.push(whole.subarray(0, cut)), ...parser.push(whole.subarray(cut))];
    assert.deepEqual(found, expected, `cut at ${cut}`);
  }
});
