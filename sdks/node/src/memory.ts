import { parseObject, snake } from "./wire.js";
import { type PageOptions, pages } from "./pages.js";
import type { CallOptions, Transport } from "./transport.js";
import type {
  Collected,
  CompactMemoryOptions,
  CompactionBegun,
  CompactionHistory,
  CompactionHistoryOptions,
  CompactionReport,
  EntryDeleted,
  EntryItem,
  EntryList,
  EntryRequest,
  ExchangeEntry,
  ExchangeMessage,
  ExportMemoryOptions,
  Imported,
  ListMemoriesOptions,
  MemoryStats,
  PruneMemoryOptions,
  PruneResponse,
  RememberOptions,
  SearchMemoryOptions,
  SearchResponse,
  Verified,
} from "./types.js";

/** A line of an export. */
export type ExchangeItem = ExchangeMessage | ExchangeEntry;

export interface ExportPage {
  items: ExchangeItem[];
  /** What the next page begins `after`; undefined on the last one. */
  next: number | undefined;
  /** Places of the log since the page before that could not be read. */
  unreadable: number;
}

/** What the gateway does while we wait may take as long as the memory is large. */
const LONG_MS = 600_000;
/** Of one request, as the gateway bounds it. */
const IMPORT_LINES = 1_000;
const IMPORT_BYTES = 1024 * 1024;

export class Memory {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Sizes and counts. */
  async stats(options: CallOptions = {}): Promise<MemoryStats> {
    return (await this.#transport.json("memoryStats", options)) as MemoryStats;
  }

  /** What was said and remembered about this, best first. */
  async search(query: string, options: Omit<SearchMemoryOptions, "query"> & CallOptions = {}): Promise<SearchResponse> {
    const { signal, requestTimeoutMs, ...more } = options;
    const call = { signal, requestTimeoutMs, body: { query, ...snake(more) }, repeatable: true };
    return (await this.#transport.json("searchMemory", call)) as SearchResponse;
  }

  /** Removes what lies before a time; without `confirm: true` a `BadRequestError` whose `details.would_prune` says what would go. */
  async prune(options: PruneMemoryOptions & CallOptions): Promise<PruneResponse> {
    const { signal, requestTimeoutMs = LONG_MS, ...body } = options;
    return (await this.#transport.json("pruneMemory", { signal, requestTimeoutMs, body: snake(body) })) as PruneResponse;
  }

  /** One page of what is remembered, newest first. */
  async list(options: ListMemoriesOptions & CallOptions = {}): Promise<EntryList> {
    const { signal, requestTimeoutMs, ...query } = options;
    return (await this.#transport.json("listMemories", { signal, requestTimeoutMs, query: snake(query) })) as EntryList;
  }

  /** All that is remembered, newest first; with `all: true` also what is superseded or expired. */
  all(options: Omit<ListMemoriesOptions, "limit" | "offset"> & PageOptions = {}): AsyncGenerator<EntryItem, void, void> {
    const { pageSize = 200, ...filter } = options;
    return pages(async (offset) => {
      const page = await this.list({ ...filter, limit: pageSize, offset });
      return { items: page.entries, total: page.total };
    });
  }

  /** Remembers something on purpose; the same content again returns the entry there is. */
  async remember(entry: RememberOptions, options: CallOptions = {}): Promise<EntryItem> {
    return (await this.#transport.json("remember", { ...options, body: snake(entry) })) as EntryItem;
  }

  async get(id: string, options: CallOptions = {}): Promise<EntryItem> {
    return (await this.#transport.json("getMemory", { ...options, parameter: id })) as EntryItem;
  }

  /** Erases an entry. */
  async forget(id: string, options: CallOptions = {}): Promise<EntryDeleted> {
    return (await this.#transport.json("forgetMemory", { ...options, parameter: id })) as EntryDeleted;
  }

  /** Marks a task as done. */
  async complete(id: string, options: CallOptions = {}): Promise<EntryItem> {
    return (await this.#transport.json("completeMemory", { ...options, parameter: id })) as EntryItem;
  }

  /** Makes Markdown of the log; resolves when it has begun, with `wait` or `dryRun` when it is done. */
  async compact(options: CompactMemoryOptions & CallOptions = {}): Promise<CompactionReport | CompactionBegun> {
    const { signal, requestTimeoutMs = LONG_MS, ...body } = options;
    return (await this.#transport.json("compactMemory", { signal, requestTimeoutMs, body: snake(body) })) as CompactionReport | CompactionBegun;
  }

  /** Past compactions, and the one under way. */
  async history(options: CompactionHistoryOptions & CallOptions = {}): Promise<CompactionHistory> {
    const { signal, requestTimeoutMs, ...query } = options;
    return (await this.#transport.json("compactionHistory", { signal, requestTimeoutMs, query: snake(query) })) as CompactionHistory;
  }

  /** Removes what has outlived its kind. */
  async gc(options: CallOptions = {}): Promise<Collected> {
    return (await this.#transport.json("collectGarbage", { requestTimeoutMs: LONG_MS, ...options })) as Collected;
  }

  /** Checks every record, the index and the Markdown. */
  async verify(options: CallOptions = {}): Promise<Verified> {
    return (await this.#transport.json("verifyMemory", { requestTimeoutMs: LONG_MS, ...options, repeatable: true })) as Verified;
  }

  /** Takes in what was said or remembered elsewhere, in as many requests as it needs. Doing it again changes nothing. */
  async import(
    items: Iterable<ExchangeMessage | ExchangeEntry | EntryRequest> | AsyncIterable<ExchangeMessage | ExchangeEntry | EntryRequest>,
    options: CallOptions = {},
  ): Promise<Imported> {
    const sum: Imported = { imported: 0, skipped: 0 };
    const utf8 = new TextEncoder();
    let lines: string[] = [];
    let bytes = 0;
    const send = async () => {
      const call = { requestTimeoutMs: LONG_MS, ...options, body: lines.join(""), headers: { "content-type": "application/x-ndjson" } };
      const { imported, skipped } = (await this.#transport.json("importMemory", call)) as Imported;
      sum.imported += imported;
      sum.skipped += skipped;
      [lines, bytes] = [[], 0];
    };
    for await (const item of items) {
      const line = `${JSON.stringify(item)}\n`;
      const size = utf8.encode(line).length;
      if (lines.length > 0 && (lines.length === IMPORT_LINES || bytes + size > IMPORT_BYTES)) await send();
      lines.push(line);
      bytes += size;
    }
    if (lines.length > 0) await send();
    return sum;
  }

  /** One page of all that was said and remembered, in the order of the log. */
  async export(options: ExportMemoryOptions & CallOptions = {}): Promise<ExportPage> {
    const { signal, requestTimeoutMs, ...query } = options;
    const read = (text: string) => text.split("\n").filter((line) => line !== "");
    const call = { signal, requestTimeoutMs, query: snake(query), headers: { accept: "application/x-ndjson" } };
    const isLines = (text: string) => read(text).every((line) => parseObject(line) !== undefined);
    const { text, headers } = await this.#transport.text("exportMemory", call, isLines);
    const next = headers.get("x-next-cursor");
    return {
      items: read(text).map((line) => JSON.parse(line) as ExchangeItem),
      next: next === null ? undefined : Number(next),
      unreadable: Number(headers.get("x-unreadable-records") ?? 0),
    };
  }

  /** All that was said and remembered, in the order of the log. */
  async *exportAll(options: PageOptions = {}): AsyncGenerator<ExchangeItem, void, void> {
    const { pageSize = 1_000, ...call } = options;
    for (let after: number | undefined; ; ) {
      const page = await this.export({ ...call, limit: pageSize, ...(after !== undefined && { after }) });
      yield* page.items;
      if (page.next === undefined) return;
      after = page.next;
    }
  }
}
