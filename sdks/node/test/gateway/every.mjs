// Every method against a real gateway whose model repeats what it is told. Run by the end-to-end tests.
import assert from "node:assert/strict";

import { BadRequestError, ConflictError, NotFoundError, OpenClawClient, UnauthorizedError } from "@openclaw/sdk";

const baseUrl = process.env.GATEWAY_URL;
const client = new OpenClawClient({ baseUrl, token: process.env.GATEWAY_AUTH_TOKEN });

assert.equal((await client.health()).status, "ok");
assert.equal((await client.status()).gateway.auth_enabled, true);
await assert.rejects(new OpenClawClient({ baseUrl }).status(), UnauthorizedError);

const conversationId = "conv_node";
const metadata = { userId: "u1", userName: "사용자", ownField: 7, attachments: [{ name: "a.txt", mimeType: "text/plain", data: new TextEncoder().encode("你好") }] };
const answer = await client.message("茶 is what I like", { conversationId, metadata });
assert.match(answer.content, /茶 is what I like/);
assert.equal(answer.conversation_id, conversationId);

// The same key returns the first answer and runs nothing twice.
const idempotencyKey = `key-${Date.now()}`;
const [once, twice] = [await client.message("once", { idempotencyKey }), await client.message("once", { idempotencyKey })];
assert.equal(once.id, twice.id);
await assert.rejects(client.message("something else", { idempotencyKey }), ConflictError);

const pending = await client.message("later", { conversationId, waitForResponse: false });
assert.equal(pending.status, "processing");
const waited = await client.messages.wait(pending);
assert.match(waited.content, /later/);
assert.equal((await client.messages.status(pending)).response.id, waited.id);
assert.equal((await client.messages.context(pending)).reply_id, waited.id);
await assert.rejects(client.messages.cancel(pending), ConflictError);
await assert.rejects(client.messages.approve(pending), ConflictError);

const stream = client.messageStream("tell me", { conversationId });
let text = "";
const types = new Set();
for await (const chunk of stream) {
  types.add(chunk.type);
  text += chunk.content ?? "";
}
assert.match(text, /tell me/);
assert.deepEqual([...types], ["start", "token", "end"]);
let again = "";
for await (const chunk of client.messages.stream(stream.runId)) again += chunk.content ?? "";
assert.equal(again, text);

const ids = [];
for await (const { id } of client.conversations.all({ pageSize: 1 })) ids.push(id);
assert.equal(new Set(ids).size, (await client.conversations.list({ limit: 1 })).total);
assert.ok(ids.includes(conversationId));
const conversation = await client.conversations.get(conversationId, { explain: true });
assert.equal(conversation.messages[0].metadata.ownField, 7);
const backwards = [];
for await (const { id } of client.conversations.messages(conversationId, { pageSize: 2 })) backwards.push(id);
assert.deepEqual(backwards.reverse(), conversation.messages.map(({ id }) => id));

const entry = await client.memory.remember({ kind: "task", content: "Buy 茶", tags: ["tea"], expiresAt: "2099-01-01T00:00:00Z" });
assert.equal((await client.memory.get(entry.id)).content, "Buy 茶");
const kept = [];
for await (const { id } of client.memory.all({ tag: "tea" })) kept.push(id);
assert.deepEqual(kept, [entry.id]);
assert.equal((await client.memory.list({ kind: "task" })).total, 1);
assert.ok((await client.memory.complete(entry.id)).completed_at);
assert.ok((await client.memory.search("茶", { limit: 5 })).results.length > 0);
assert.ok((await client.memory.stats()).wal.entries > 0);
assert.equal((await client.memory.verify()).sound, true);
assert.equal((await client.memory.compact({ dryRun: true })).dry_run, true);
assert.equal((await client.memory.compact({ wait: true, offline: true })).dry_run, false);
assert.ok(Array.isArray((await client.memory.history({ limit: 1 })).compactions));
assert.ok((await client.memory.gc()).bytes >= 0);
const before = "2020-01-01T00:00:00Z";
await assert.rejects(client.memory.prune({ before }), (error) => error instanceof BadRequestError && "would_prune" in error.details);
assert.equal((await client.memory.prune({ before, confirm: true })).before, before);

const exported = [];
for await (const item of client.memory.exportAll({ pageSize: 2 })) exported.push(item);
assert.ok(exported.length > 4);
assert.deepEqual(await client.memory.import(exported), { imported: 0, skipped: exported.length });
const said = { conversation_id: "conv_old", channel: "api", role: "user", content: "long ago", timestamp: "2020-05-05T00:00:00Z" };
assert.deepEqual(await client.memory.import([said]), { imported: 1, skipped: 0 });
assert.equal((await client.memory.forget(entry.id)).deleted, true);

assert.equal((await client.skills.list()).total, 0);
assert.equal((await client.skills.install("weather")).name, "weather");
assert.equal((await client.skills.remove("weather")).removed, true);
assert.deepEqual((await client.channels.list()).channels, []);
await assert.rejects(client.channels.status("telegram"), NotFoundError);
const { updated } = await client.config.update({ gateway: { rate_limit: { requests_per_minute: 100_000 } } });
assert.deepEqual(updated, ["gateway.rate_limit.requests_per_minute"]);
assert.equal((await client.config.get()).gateway.rate_limit.requests_per_minute, 100_000);
assert.ok((await client.logs({ lines: 5, level: "debug" })).logs.length > 0);

assert.equal((await client.conversations.delete(conversationId)).deleted, true);
await assert.rejects(client.conversations.get(conversationId), (error) => error instanceof NotFoundError && error.requestId !== undefined);
