// A server that does what each test wrote for it, and writes down what it was asked.
import { createServer } from "node:http";
import { after } from "node:test";

import { OpenClawClient } from "../dist/index.js";

/** `answers` are taken in order, the last one again and again: functions of (request, response), or bodies. */
export async function start(...answers) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const { method, url, headers } = request;
    requests.push({ method, url, headers, body: body.startsWith("{") && !body.includes("\n") ? JSON.parse(body) : body });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (typeof answer === "function") return answer(request, response);
    reply(response, 200, answer);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${server.address().port}`;
  const client = (options = {}) => new OpenClawClient({ baseUrl, token: "secret", ...options });
  return { requests, baseUrl, client, server };
}

export function reply(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

/** The gateway's way to refuse. */
export function fails(status, error, { details = {}, headers = {} } = {}) {
  return (_, response) => reply(response, status, { error, message: `as scripted: ${error}`, status, details }, headers);
}

/** A stream of `[id, event]`; `then` is what happens behind the last: "end", "cut" or "hang". */
export function tells(events, then = "end") {
  return (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": hello\n\n");
    for (const [id, event] of events) {
      response.write(`${id ? `id: ${id}\n` : ""}data: ${JSON.stringify(event)}\n\n`);
    }
    if (then === "end") response.end();
    // Half an event is none.
    if (then === "cut") response.write('id: 0-99\ndata: {"type":"tok', () => response.destroy());
  };
}

export const begun = ["0-0", { type: "start", id: "msg_pending_1", conversation_id: "conv_1" }];
export const token = (number) => [`0-${number}`, { type: "token", content: `${number} ` }];
export const ended = (number) => [`0-${number}`, { type: "end", id: "msg_resp_1", tokens: { input: 1, output: 2 }, model: "m", latency_ms: 3, skills_used: [] }];

/** Waits until something is so. */
export async function until(what) {
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; ) {
    if (what()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`never so: ${what}`);
}
