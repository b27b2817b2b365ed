// A session with a real gateway. Run by the end-to-end tests.
import assert from "node:assert/strict";

import { BadRequestError, ConflictError, OpenClawClient, UnauthorizedError } from "@openclaw/sdk";

const baseUrl = process.env.GATEWAY_URL;
const client = new OpenClawClient({ baseUrl, token: process.env.GATEWAY_AUTH_TOKEN });
await assert.rejects(new OpenClawClient({ baseUrl, token: "wrong" }).session(), UnauthorizedError);

const session = await client.session();
assert.match(session.id, /^ws_/);
const numbers = Array.from({ length: 20 }, (_, number) => `number ${number};`);
const answers = await Promise.all(numbers.map((text) => session.message(text)));
answers.forEach((answer, number) => assert.ok(answer.content.includes(numbers[number])));

let text = "";
let last;
for await (const chunk of session.messageStream("說一說", { metadata: { userId: "u" } })) {
  text += chunk.content ?? "";
  last = chunk;
}
assert.match(text, /說一說/);
assert.equal(last.type, "end");

await assert.rejects(session.message(" "), BadRequestError);
await assert.rejects(session.approve(answers[0].id), ConflictError);
assert.ok((await session.ping()) < 10_000);
await session.message("long: " + "字".repeat(50_000));
await session.close();
