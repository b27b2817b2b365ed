// A stream over a restart of the gateway, which has another port afterwards: a proxy knows the way.
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";

import { OpenClawClient } from "@openclaw/sdk";

const address = () => JSON.parse(readFileSync(`${process.env.GATEWAY_HOME}/gateway.run.json`, "utf8")).address;
const proxy = createServer((client) => {
  let port;
  try {
    port = Number(address().split(":")[1]);
  } catch {
    return client.destroy();
  }
  const gateway = connect(port, "127.0.0.1");
  client.pipe(gateway).pipe(client);
  for (const [one, other] of [[client, gateway], [gateway, client]]) {
    one.on("error", () => undefined);
    one.on("close", () => other.destroy());
  }
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));

const client = new OpenClawClient({ baseUrl: `http://127.0.0.1:${proxy.address().port}`, token: process.env.GATEWAY_AUTH_TOKEN });
let text = "";
for await (const chunk of client.messageStream("hold on")) {
  // What was told before a second start no longer counts.
  if (chunk.type === "start") text = "";
  if (chunk.content === "never") console.log("begun");
  text += chunk.content ?? "";
}
console.log(text);
proxy.close();
