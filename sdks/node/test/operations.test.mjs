import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { operations } from "../dist/operations.js";
import { reply, start } from "./server.mjs";

/** A call of each operation, with the path it should ask for. */
const CALLS = {
  health: [(c) => c.health(), "GET /health"],
  status: [(c) => c.status(), "GET /status"],
  sendMessage: [(c) => c.message("hi", { conversationId: "c", timeoutMs: 9 }), "POST /message", { channel: "api", message: "hi", conversation_id: "c", timeout_ms: 9 }],
  cancelMessage: [(c) => c.messages.cancel("m/1"), "DELETE /message/m%2F1"],
  messageStatus: [(c) => c.messages.status({ id: "m" }), "GET /message/m/status"],
  messageStream: [(c) => c.messages.stream("m")[Symbol.asyncIterator]().next(), "GET /message/m/stream"],
  approveMessage: [(c) => c.messages.approve("m", { approve: false, callId: "x" }), "POST /message/m/approve", { approve: false, call_id: "x" }],
  messageContext: [(c) => c.messages.context("m"), "GET /message/m/context"],
  listConversations: [(c) => c.conversations.list({ limit: 3, since: "2026-01-01T00:00:00Z" }), "GET /conversations?limit=3&since=2026-01-01T00%3A00%3A00Z"],
  getConversation: [(c) => c.conversations.get("c", { explain: true }), "GET /conversations/c?explain=true"],
  deleteConversation: [(c) => c.conversations.delete("c"), "DELETE /conversations/c"],
  memoryStats: [(c) => c.memory.stats(), "GET /memory/stats"],
  searchMemory: [(c) => c.memory.search("茶", { conversationId: "c" }), "POST /memory/search", { query: "茶", conversation_id: "c" }],
  pruneMemory: [(c) => c.memory.prune({ before: "2025-01-01T00:00:00Z", confirm: true }), "DELETE /memory/prune", { before: "2025-01-01T00:00:00Z", confirm: true }],
  listMemories: [(c) => c.memory.list({ conversationId: "c", all: true }), "GET /memory/entries?conversation_id=c&all=true"],
  remember: [(c) => c.memory.remember({ kind: "fact", content: "x", expiresAt: "2027-01-01T00:00:00Z" }), "POST /memory/entries", { kind: "fact", content: "x", expires_at: "2027-01-01T00:00:00Z" }],
  getMemory: [(c) => c.memory.get("e"), "GET /memory/entries/e"],
  forgetMemory: [(c) => c.memory.forget("e"), "DELETE /memory/entries/e"],
  completeMemory: [(c) => c.memory.complete("e"), "POST /memory/entries/e/complete"],
  compactMemory: [(c) => c.memory.compact({ dryRun: true }), "POST /memory/compact", { dry_run: true }],
  compactionHistory: [(c) => c.memory.history({ limit: 1 }), "GET /memory/history?limit=1"],
  collectGarbage: [(c) => c.memory.gc(), "POST /memory/gc"],
  verifyMemory: [(c) => c.memory.verify(), "POST /memory/verify"],
  importMemory: [(c) => c.memory.import([{ kind: "fact", content: "a" }]), "POST /memory/import"],
  exportMemory: [(c) => c.memory.export({ limit: 5 }), "GET /memory/export?limit=5"],
  listSkills: [(c) => c.skills.list(), "GET /skills"],
  installSkill: [(c) => c.skills.install("weather", { version: "1.0.0" }), "POST /skills/install", { name: "weather", version: "1.0.0" }],
  removeSkill: [(c) => c.skills.remove("weather"), "DELETE /skills/weather"],
  listChannels: [(c) => c.channels.list(), "GET /channels"],
  channelStatus: [(c) => c.channels.status("telegram"), "GET /channels/telegram/status"],
  pairChannel: [(c) => c.channels.pair("telegram"), "POST /channels/telegram/pair"],
  listPaired: [(c) => c.channels.paired("telegram"), "GET /channels/telegram/paired"],
  unpairUser: [(c) => c.channels.unpair("telegram", "a b"), "DELETE /channels/telegram/paired?user=a+b"],
  channelWebhook: [(c) => c.channels.webhook("webhook", '{"id":"m1"}', { "webhook-id": "1" }), "POST /channels/webhook/webhook", { id: "m1" }],
  getConfig: [(c) => c.config.get(), "GET /config"],
  putConfig: [(c) => c.config.update({ routing: null }), "PUT /config", { routing: null }],
  logs: [(c) => c.logs({ lines: 2, level: "warn" }), "GET /logs?lines=2&level=warn"],
  webSocket: [(c) => c.session(), "GET /ws"],
};

test("every operation of the document has a method that asks for it", async () => {
  const document = readFileSync(new URL("../../../docs/openapi.yaml", import.meta.url), "utf8");
  const ids = [...document.matchAll(/^      operationId: (\w+)$/gm)].map((found) => found[1]);
  assert.deepEqual(Object.keys(operations), ids);
  assert.deepEqual(Object.keys(CALLS), ids);

  for (const [id, [call, expected, body]] of Object.entries(CALLS)) {
    const { requests, client, server } = await start((request, response) => {
      if (!request.url.endsWith("/stream")) return reply(response, 200, {});
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end('data: {"type":"token","content":"x"}\n\n');
    });
    server.on("upgrade", (request, socket) => {
      requests.push(request);
      socket.destroy();
    });
    await call(client({ maxRetries: 0 })).catch((error) => {
      if (id !== "webSocket") throw error;
    });
    const [{ method, url, headers, body: sent }] = requests;
    assert.equal(`${method} ${url}`, expected.replace(" ", " /api/v1"), id);
    if (body) assert.deepEqual(sent, body, id);
    if (id !== "webSocket") assert.equal(headers.authorization, "Bearer secret", id);
  }
});

test("the address may be given with or without /api/v1", async () => {
  const { requests, baseUrl, client } = await start({});
  for (const tail of ["", "/", "/api/v1", "/api/v1/"]) await client({ baseUrl: baseUrl + tail }).health();
  assert.deepEqual(new Set(requests.map(({ url }) => url)), new Set(["/api/v1/health"]));
});

test("metadata and files go over the wire under its names", async () => {
  const { requests, client } = await start({});
  const attachments = [
    { name: "a.txt", mimeType: "text/plain", data: new TextEncoder().encode("你好") },
    { name: "b.png", mimeType: "image/png", url: "https://example.com/b.png" },
  ];
  await client().message("x", { metadata: { userId: "u", ownField: { keepMe: 1 }, attachments } });
  assert.deepEqual(requests[0].body.metadata, {
    user_id: "u",
    attachments: [
      { name: "a.txt", mime_type: "text/plain", data: "5L2g5aW9" },
      { name: "b.png", mime_type: "image/png", url: "https://example.com/b.png" },
    ],
    ownField: { keepMe: 1 },
  });
});

test("pages are fetched as they are needed, and nothing is told twice", async () => {
  const page = (ids, total) => ({ conversations: ids.map((id) => ({ id })), total, limit: 2, offset: 0 });
  const { requests, client } = await start(page(["a", "b"], 5), page(["b", "c"], 5), page(["d"], 5));
  const ids = [];
  for await (const { id } of client().conversations.all({ pageSize: 2, channel: "api" })) ids.push(id);
  assert.deepEqual(ids, ["a", "b", "c", "d"]);
  assert.equal(requests[1].url, "/api/v1/conversations?channel=api&limit=2&offset=2");
  assert.equal(requests.length, 3);
});

test("messages are told from the latest to the first", async () => {
  const page = (...ids) => ({ messages: ids.map((id) => ({ id })) });
  const { requests, client } = await start(page("c", "d"), page("a", "b"), page());
  const ids = [];
  for await (const { id } of client().conversations.messages("x", { pageSize: 2 })) ids.push(id);
  assert.deepEqual(ids, ["d", "c", "b", "a"]);
  assert.equal(requests[2].url, "/api/v1/conversations/x?limit=2&before=a");
});

test("an export goes on to its last page, an import is split", async () => {
  const line = (id) => `${JSON.stringify({ id })}\n`;
  const { client } = await start(
    (_, response) => reply(response, 200, line("a") + line("b"), { "x-next-cursor": "7" }),
    (_, response) => reply(response, 200, line("c")),
  );
  const ids = [];
  for await (const { id } of client().memory.exportAll()) ids.push(id);
  assert.deepEqual(ids, ["a", "b", "c"]);

  const { requests, client: other } = await start({ imported: 3, skipped: 1 });
  const items = Array.from({ length: 1_001 }, (_, number) => ({ kind: "fact", content: `${number}` }));
  assert.deepEqual(await other().memory.import(items), { imported: 6, skipped: 2 });
  assert.deepEqual(requests.map(({ body }) => body.trim().split("\n").length), [1_000, 1]);
  assert.equal(requests[0].headers["content-type"], "application/x-ndjson");
});
