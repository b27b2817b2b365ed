// Two turns of one conversation, told as they are made.
import { OpenClawClient } from "@openclaw/sdk";

const client = new OpenClawClient({
  baseUrl: "http://127.0.0.1:18789",
  token: process.env.GATEWAY_AUTH_TOKEN,
});

const conversationId = `conv_${Date.now()}`;
for (const question of ["Name a river in Asia.", "How long is it?"]) {
  process.stdout.write(`> ${question}\n`);
  for await (const chunk of client.messageStream(question, { conversationId })) {
    if (chunk.type === "skill_call") process.stdout.write(`[${chunk.skill}] `);
    process.stdout.write(chunk.content ?? "");
  }
  process.stdout.write("\n");
}
