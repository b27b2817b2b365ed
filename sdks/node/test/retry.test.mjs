import assert from "node:assert/strict";
import { test } from "node:test";

import * as sdk from "../dist/index.js";
import { fails, reply, start } from "./server.mjs";

test("429 is tried again when it says, whatever was asked", async () => {
  const { requests, client } = await start(fails(429, "rate_limited", { headers: { "retry-after": "1" } }), {});
  const begun = Date.now();
  await client().conversations.delete("c");
  assert.equal(requests.length, 2);
  assert.ok(Date.now() - begun >= 1_000);
});

test("a pause that is too long is an error at once", async () => {
  const { requests, client } = await start(fails(429, "rate_limited", { headers: { "retry-after": "61" }, details: { limit: 60 } }));
  await assert.rejects(client().status(), (error) => {
    assert.ok(error instanceof sdk.RateLimitError && error instanceof sdk.OpenClawError);
    assert.deepEqual([error.retryAfterMs, error.details.limit], [61_000, 60]);
    return true;
  });
  assert.equal(requests.length, 1);
});

test("a message is sent again with the same key, over 503 and broken connections", async () => {
  const { requests, client } = await start(
    fails(503, "service_unavailable"),
    (request) => request.socket.destroy(),
    (_, response) => response.writeHead(200, { "content-length": "500" }).write("{", () => response.destroy()),
    { id: "msg_resp_1", content: "yes" },
  );
  assert.equal((await client().message("hi")).content, "yes");
  const keys = new Set(requests.map(({ headers }) => headers["idempotency-key"]));
  assert.equal(requests.length, 4);
  assert.equal(keys.size, 1);
  await client().message("hi");
  assert.ok(!keys.has(requests[4].headers["idempotency-key"]));
});

test("retries are bounded, and may be turned off", async () => {
  const { requests, client } = await start(fails(503, "service_unavailable"));
  await assert.rejects(client({ maxRetries: 2 }).status(), sdk.UnavailableError);
  assert.equal(requests.length, 3);
  await assert.rejects(client({ maxRetries: 0 }).status(), sdk.UnavailableError);
  assert.equal(requests.length, 4);
});

test("what may have been done is not done again, nor what can't get better", async () => {
  for (const [call, answer, kind] of [
    [(c) => c.conversations.delete("c"), fails(503, "service_unavailable"), sdk.UnavailableError],
    [(c) => c.memory.gc(), (request) => request.socket.destroy(), sdk.ConnectionError],
    [(c) => c.status(), fails(500, "internal_error"), sdk.InternalError],
    [(c) => c.status(), fails(401, "unauthorized"), sdk.UnauthorizedError],
    // The run itself failed.
    [(c) => c.message("x"), fails(503, "service_unavailable", { details: { id: "msg_pending_1" } }), sdk.UnavailableError],
  ]) {
    const { requests, client } = await start(answer);
    await assert.rejects(call(client()), kind);
    assert.equal(requests.length, 1, String(call));
  }
});

test("a gateway that leaves is asked again: it goes on with the run", async () => {
  const leaving = fails(503, "service_unavailable", { details: { id: "msg_pending_1", poll_url: "/api/v1/message/msg_pending_1/status" } });
  const { client } = await start(leaving, { content: "after all" });
  assert.equal((await client().message("x")).content, "after all");
});

test("nobody there is an error that says so", async () => {
  const { baseUrl, server } = await start({});
  server.close();
  const client = new sdk.OpenClawClient({ baseUrl, maxRetries: 1 });
  await assert.rejects(client.memory.gc(), (error) => {
    assert.ok(error instanceof sdk.ConnectionError);
    assert.equal(error.status, 0);
    assert.match(error.message, /no connection to the gateway/);
    return true;
  });
});

test("errors carry what the gateway said", async () => {
  const { client } = await start(fails(400, "bad_request", { details: { field: "limit", reason: "too large" }, headers: { "x-request-id": "req-7" } }));
  await assert.rejects(client().conversations.list({ limit: 9e9 }), (error) => {
    assert.ok(error instanceof sdk.BadRequestError);
    assert.equal(error.name, "BadRequestError");
    assert.deepEqual([error.status, error.code, error.requestId, error.details.field], [400, "bad_request", "req-7", "limit"]);
    assert.match(error.message, /as scripted/);
    return true;
  });
});

test("what is no JSON, or not from a gateway, is an error", async () => {
  for (const [status, body] of [[200, "<html>"], [200, "{\"a\":"], [404, "<html>no</html>"], [200, "[1]"]]) {
    const { requests, client } = await start((_, response) => reply(response, status, body));
    await assert.rejects(client().status(), (error) => {
      assert.ok(error instanceof sdk.OpenClawError);
      assert.deepEqual([error.status, error.code], [status, "invalid_response"]);
      return true;
    });
    assert.equal(requests.length, 1);
  }
});

test("an error without a body of its own still has its class", async () => {
  const { client } = await start((_, response) => reply(response, 502, "<html>bad gateway</html>"));
  await assert.rejects(client({ maxRetries: 0 }).status(), (error) => error.status === 502 && /502/.test(error.message));
});

test("a slow answer is a time-out of ours", async () => {
  const { requests, client } = await start(() => undefined);
  await assert.rejects(client({ requestTimeoutMs: 30 }).status(), sdk.ClientTimeoutError);
  await assert.rejects(client().status({ requestTimeoutMs: 30 }), sdk.ClientTimeoutError);
  assert.equal(requests.length, 2);
});

test("a signal ends a call and its pauses, with its own reason", async () => {
  const { client } = await start(() => undefined);
  const abort = new AbortController();
  const call = client().status({ signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  await assert.rejects(client().status({ signal: AbortSignal.abort() }), { name: "AbortError" });

  const { client: busy } = await start(fails(429, "rate_limited", { headers: { "retry-after": "30" } }));
  await assert.rejects(busy().status({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
});

test("a message that takes too long says where to ask, and may be waited for", async () => {
  const details = { id: "msg_pending_1", conversation_id: "conv_1", poll_url: "/api/v1/message/msg_pending_1/status" };
  const { requests, client } = await start(fails(408, "timeout", { details }), fails(404, "not_found"));
  const error = await client().message("x", { timeoutMs: 10 }).catch((error) => error);
  assert.ok(error instanceof sdk.TimeoutError);
  assert.deepEqual([error.runId, error.conversationId, error.pollUrl], Object.values(details));
  await assert.rejects(client().messages.wait(error), sdk.NotFoundError);
  assert.equal(requests[1].url, "/api/v1/message/msg_pending_1/stream");
});

test("a degraded gateway's health is told, not thrown", async () => {
  const { client } = await start((_, response) => reply(response, 503, { status: "degraded", version: "1", uptime_seconds: 1 }));
  assert.equal((await client().health()).status, "degraded");
});
