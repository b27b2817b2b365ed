/** Waits, unless the signal is aborted; then throws what it was aborted with. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    };
    const aborted = () => {
      done();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      done();
      resolve();
    }, ms);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

/** Full jitter: anything up to a bound that doubles, so that many clients do not come back at once. */
export function backoff(attempt: number): number {
  return Math.random() * Math.min(8_000, 250 * 2 ** attempt);
}

/** A controller that also follows `signal`. `release` it, or the signal keeps it alive. */
export function follow(signal?: AbortSignal): { controller: AbortController; release: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return { controller, release: () => signal?.removeEventListener("abort", abort) };
}

/** Something nobody else will think of. Browsers on plain HTTP have no `randomUUID`, Node 18 no `crypto`. */
export function uniqueKey(): string {
  const own = globalThis.crypto?.randomUUID?.();
  if (own) return own;
  const part = () => Math.random().toString(36).slice(2, 13).padEnd(11, "0");
  return `${Date.now().toString(36)}-${part()}${part()}`;
}
