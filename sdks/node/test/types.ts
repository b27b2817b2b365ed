// What must compile: the seed's lines as they are, and types that tell events and answers apart.
import { OpenClawClient } from '@openclaw/sdk';
import type { MessageResponse, PendingMessage } from '@openclaw/sdk';

declare const process: { env: Record<string, string | undefined>; stdout: { write(text: string): void } };

const client = new OpenClawClient({
baseUrl: 'http://127.0.0.1:18789',
token: process.env.GATEWAY_AUTH_TOKEN,
});

// 發送메시지
const response = await client.message('明天的天氣如何?');
console.log(response.content);

// 串流回應
for await (const chunk of client.messageStream('寫一首詩')) {
process.stdout.write(chunk.content || '');
}

const answered: MessageResponse = await client.message("x", { conversationId: "c", timeoutMs: 5 });
const accepted: PendingMessage = await client.message("x", { waitForResponse: false });
for await (const chunk of client.messageStream("x")) {
  if (chunk.type === "end") chunk.tokens.output.toFixed();
  if (chunk.type === "skill_call") chunk.status satisfies "invoking" | "awaiting_approval";
  // @ts-expect-error a run that fails throws
  if (chunk.type === "error") break;
}
// @ts-expect-error no such channel
await client.message("x", { channel: "fax" });
// @ts-expect-error the wire's names are not the options'
await client.message("x", { conversation_id: "c" });
await client.message("x", { metadata: { userId: "u", attachments: [{ name: "a", mimeType: "text/plain", data: new Uint8Array() }] } });
