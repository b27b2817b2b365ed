/** What a session needs of a WebSocket; the one of browsers, Bun, Deno and Node since 22 is one. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: { data: any }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketClass = new (url: string) => Socket;

/** The platform's own, or, on Node 18 and 20, ours. */
export async function socketClass(): Promise<SocketClass> {
  const own = (globalThis as { WebSocket?: SocketClass }).WebSocket;
  return own ?? (await import("./node-socket.js")).NodeSocket;
}
