// A channel that the client sets up, writes to as a platform would, and hears the answer of.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";

import { NotFoundError, OpenClawClient, UnauthorizedError } from "@openclaw/sdk";

const client = new OpenClawClient({ baseUrl: process.env.GATEWAY_URL, token: process.env.GATEWAY_AUTH_TOKEN });
await assert.rejects(client.channels.status("webhook"), NotFoundError);

const answered = {};
answered.text = new Promise((resolve) => {
  answered.tell = resolve;
});
const platform = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  response.end("{}");
  const post = JSON.parse(body);
  if (post.type === "message") answered.tell(post.text);
});
await new Promise((resolve) => platform.listen(0, "127.0.0.1", resolve));

const secret = "a secret of enough characters";
const channel = { base_url: `http://127.0.0.1:${platform.address().port}/answers`, secrets: { secret }, allowed_users: ["u1"] };
await client.config.update({ channels: { webhook: channel } });
assert.equal((await client.channels.list()).channels[0].type, "webhook");
// It takes a moment until it runs.
for (let connected = false; !connected; ) {
  connected = await client.channels.status("webhook").then(({ status }) => status === "connected", () => false);
  await new Promise((resolve) => setTimeout(resolve, 20));
}
assert.match((await client.channels.pair("webhook")).code, /^\S{8,}$/);
assert.deepEqual((await client.channels.paired("webhook")).users, []);
await assert.rejects(client.channels.unpair("webhook", "no one"), NotFoundError);

const body = JSON.stringify({ id: "m1", chat: "c1", user: { id: "u1", name: "Anna" }, text: "你好" });
const headers = { "webhook-id": "msg_1", "webhook-timestamp": String(Math.floor(Date.now() / 1000)) };
const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
headers["webhook-signature"] = `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`;
await assert.rejects(client.channels.webhook("webhook", `${body} `, headers), UnauthorizedError);
assert.deepEqual(await client.channels.webhook("webhook", body, headers), { accepted: true });
assert.match(await answered.text, /你好/);
assert.equal((await client.channels.status("webhook")).messages_today, 1);
platform.close();
platform.closeAllConnections();
