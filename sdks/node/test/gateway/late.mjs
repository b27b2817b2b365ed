// An answer that takes longer than one waits goes on, and is waited for.
import assert from "node:assert/strict";

import { OpenClawClient, TimeoutError } from "@openclaw/sdk";

const client = new OpenClawClient({ baseUrl: process.env.GATEWAY_URL, token: process.env.GATEWAY_AUTH_TOKEN });
const error = await client.message("count", { timeoutMs: 100 }).catch((error) => error);
assert.ok(error instanceof TimeoutError, String(error));
assert.ok(error.pollUrl.includes(error.runId));
assert.equal((await client.messages.status(error)).status, "processing");
const answer = await client.messages.wait(error);
assert.ok(answer.content.startsWith("0 1 2 ") && answer.content.trimEnd().endsWith("59"));
assert.equal(answer.conversation_id, error.conversationId);
