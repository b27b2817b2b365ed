// Answers that would never end are cancelled by those who leave.
import assert from "node:assert/strict";

import { ConflictError, OpenClawClient } from "@openclaw/sdk";

const client = new OpenClawClient({ baseUrl: process.env.GATEWAY_URL, token: process.env.GATEWAY_AUTH_TOKEN });
const stream = client.messageStream("go on", { cancelOnAbort: true });
for await (const chunk of stream) if (chunk.content) break;
assert.equal((await client.messages.status(stream.runId)).status, "cancelled");
await assert.rejects(client.messages.wait(stream.runId), ConflictError);

const conversationId = "conv_cancel";
const signal = AbortSignal.timeout(300);
await assert.rejects(client.message("go on", { conversationId, signal, cancelOnAbort: true }), { name: "TimeoutError" });
// Its conversation is free for the next one.
assert.match((await client.message("next", { conversationId })).content, /next/);
