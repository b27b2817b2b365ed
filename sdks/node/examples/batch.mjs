// Many questions over one connection, at most eight at a time.
import { OpenClawClient, OpenClawError } from "@openclaw/sdk";

const client = new OpenClawClient({
  baseUrl: "http://127.0.0.1:18789",
  token: process.env.GATEWAY_AUTH_TOKEN,
});

const questions = Array.from({ length: 20 }, (_, number) => `What is ${number} squared?`);
const session = await client.session();
const worker = async () => {
  for (let question; (question = questions.shift()); ) {
    try {
      const { content } = await session.message(question, { timeoutMs: 120_000 });
      console.log(`${question} ${content}`);
    } catch (error) {
      if (!(error instanceof OpenClawError)) throw error;
      console.error(`${question} ${error.code}: ${error.message}`);
    }
  }
};
await Promise.all(Array.from({ length: 8 }, worker));
await session.close();
