import { type PageOptions, pages } from "./pages.js";
import type { CallOptions, Transport } from "./transport.js";
import type {
  Conversation,
  ConversationDeleted,
  ConversationItem,
  ConversationList,
  GetConversationOptions,
  ListConversationsOptions,
  MessageItem,
} from "./types.js";
import { snake } from "./wire.js";

export class Conversations {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One page, latest activity first. */
  async list(options: ListConversationsOptions & CallOptions = {}): Promise<ConversationList> {
    const { signal, requestTimeoutMs, ...query } = options;
    return (await this.#transport.json("listConversations", { signal, requestTimeoutMs, query: snake(query) })) as ConversationList;
  }

  /** Every one, latest activity first: `for await (const conversation of client.conversations.all())`. */
  all(options: Omit<ListConversationsOptions, "limit" | "offset"> & PageOptions = {}): AsyncGenerator<ConversationItem, void, void> {
    const { pageSize = 100, ...filter } = options;
    return pages(async (offset) => {
      const page = await this.list({ ...filter, limit: pageSize, offset });
      return { items: page.conversations, total: page.total };
    });
  }

  /** A conversation with its messages, oldest first. */
  async get(id: string, options: GetConversationOptions & CallOptions = {}): Promise<Conversation> {
    const { signal, requestTimeoutMs, ...query } = options;
    const call = { signal, requestTimeoutMs, parameter: id, query: snake(query) };
    return (await this.#transport.json("getConversation", call)) as Conversation;
  }

  /** Its messages, latest first, a page at a time. */
  async *messages(id: string, options: Omit<GetConversationOptions, "limit"> & PageOptions = {}): AsyncGenerator<MessageItem, void, void> {
    const { pageSize = 100, ...rest } = options;
    let before = rest.before;
    for (;;) {
      const { messages } = await this.get(id, { ...rest, limit: pageSize, ...(before && { before }) });
      yield* messages.slice().reverse();
      if (messages.length < pageSize) return;
      before = messages[0]?.id;
    }
  }

  /** Erases a conversation and its memories: when this resolves, no file holds the content any more. */
  async delete(id: string, options: CallOptions = {}): Promise<ConversationDeleted> {
    return (await this.#transport.json("deleteConversation", { ...options, parameter: id })) as ConversationDeleted;
  }
}
