// An answer of sixty tokens through a proxy that cuts every connection after a while: nothing is lost, nothing comes twice.
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";

import { OpenClawClient } from "@openclaw/sdk";

const target = new URL(process.env.GATEWAY_URL);
let connections = 0;
const proxy = createServer((client) => {
  connections += 1;
  const gateway = connect(target.port, target.hostname);
  // Each lets a little more through, always in the middle of something.
  let left = 900 + connections * 211;
  gateway.on("data", (bytes) => {
    client.write(bytes.subarray(0, left));
    left -= bytes.length;
    if (left <= 0) client.destroy();
  });
  client.on("data", (bytes) => gateway.write(bytes));
  for (const [one, other] of [[client, gateway], [gateway, client]]) {
    one.on("error", () => undefined);
    one.on("close", () => other.destroy());
  }
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));

const client = new OpenClawClient({ baseUrl: `http://127.0.0.1:${proxy.address().port}`, token: process.env.GATEWAY_AUTH_TOKEN });
let text = "";
const ids = [];
const stream = client.messageStream("count");
for await (const chunk of stream) {
  text += chunk.content ?? "";
  ids.push(stream.lastEventId);
}
assert.equal(text, Array.from({ length: 60 }, (_, number) => `${number} `).join(""));
assert.equal(new Set(ids).size, ids.length);
assert.ok(connections > 3, `${connections} connections`);
proxy.close();
