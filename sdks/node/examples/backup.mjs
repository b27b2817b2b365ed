// Everything that was said and remembered, as JSON Lines on standard output.
import { OpenClawClient } from "@openclaw/sdk";

const client = new OpenClawClient({
  baseUrl: "http://127.0.0.1:18789",
  token: process.env.GATEWAY_AUTH_TOKEN,
});

for await (const item of client.memory.exportAll()) {
  console.log(JSON.stringify(item));
}
