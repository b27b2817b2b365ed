import { Channels, Config, Skills } from "./admin.js";
import { Conversations } from "./conversations.js";
import { Memory } from "./memory.js";
import { type MessageOptions, Messages, type SendOptions } from "./messages.js";
import { Session, type SessionOptions } from "./session.js";
import type { MessageStream, StreamOptions } from "./stream.js";
import { type CallOptions, type ClientOptions, Transport } from "./transport.js";
import type { Health, LogList, LogsOptions, MessageResponse, PendingMessage, Status } from "./types.js";
import { snake } from "./wire.js";

/** A gateway. It holds no connection: make as many as you like, and close none. */
export class OpenClawClient {
  readonly messages: Messages;
  readonly conversations: Conversations;
  readonly memory: Memory;
  readonly skills: Skills;
  readonly channels: Channels;
  readonly config: Config;
  readonly #transport: Transport;

  constructor(options: ClientOptions = {}) {
    const transport = new Transport(options);
    this.#transport = transport;
    this.messages = new Messages(transport);
    this.conversations = new Conversations(transport);
    this.memory = new Memory(transport);
    this.skills = new Skills(transport);
    this.channels = new Channels(transport);
    this.config = new Config(transport);
  }

  /** Sends a message and waits for the answer; with `waitForResponse: false` only until it is accepted. */
  message(text: string, options: MessageOptions & { waitForResponse: false }): Promise<PendingMessage>;
  message(text: string, options?: MessageOptions & { waitForResponse?: true }): Promise<MessageResponse>;
  message(text: string, options?: MessageOptions): Promise<MessageResponse | PendingMessage>;
  message(text: string, options: MessageOptions = {}): Promise<MessageResponse | PendingMessage> {
    return this.messages.send(text, options);
  }

  /** Sends a message and tells the answer as it is made: `for await (const chunk of client.messageStream("…"))`. */
  messageStream(text: string, options: SendOptions & StreamOptions = {}): MessageStream {
    return this.messages.sendStream(text, options);
  }

  /** Opens a WebSocket, over which many messages may be under way at once. */
  async session(options: SessionOptions = {}): Promise<Session> {
    const session = new Session(this.#transport, options);
    await session.open();
    return session;
  }

  /** Whether the gateway is there; also resolves, with `status: "degraded"`, when it can remember nothing. Needs no token. */
  async health(options: CallOptions = {}): Promise<Health> {
    return (await this.#transport.json("health", options)) as Health;
  }

  /** The gateway as a whole. */
  async status(options: CallOptions = {}): Promise<Status> {
    return (await this.#transport.json("status", options)) as Status;
  }

  /** Lines of the gateway's log, oldest first. */
  async logs(options: LogsOptions & CallOptions = {}): Promise<LogList> {
    const { signal, requestTimeoutMs, ...query } = options;
    return (await this.#transport.json("logs", { signal, requestTimeoutMs, query: snake(query) })) as LogList;
  }
}
