import type { CallOptions } from "./transport.js";

export interface PageOptions extends CallOptions {
  /** How many are fetched at once. */
  pageSize?: number;
}

/**
 * The items of all pages, each once. The list may change meanwhile: what is met twice is told once, but what moves to the front
 * behind our back is missed.
 */
export async function* pages<T extends { id: string }>(
  fetch: (offset: number) => Promise<{ items: T[]; total: number }>,
): AsyncGenerator<T, void, void> {
  const told = new Set<string>();
  for (let offset = 0; ; ) {
    const { items, total } = await fetch(offset);
    for (const item of items) {
      if (told.has(item.id)) continue;
      told.add(item.id);
      yield item;
    }
    offset += items.length;
    if (items.length === 0 || offset >= total) return;
  }
}
