// The little of Node that `node-socket.ts` uses, so that building needs no package of types.
declare module "node:http" {
  export interface Duplex {
    on(event: "data", listener: (bytes: Uint8Array) => void): void;
    on(event: "close", listener: () => void): void;
    on(event: "error", listener: (error: Error) => void): void;
    write(bytes: Uint8Array): void;
    end(): void;
    destroy(): void;
    setNoDelay(): void;
  }
  interface Response {
    statusCode: number;
    headers: Record<string, string>;
    resume(): void;
  }
  interface Request {
    on(event: "upgrade", listener: (response: Response, socket: Duplex, head: Uint8Array) => void): void;
    on(event: "response", listener: (response: Response) => void): void;
    on(event: "error", listener: (error: Error) => void): void;
    end(): void;
    destroy(): void;
  }
  export function request(url: string, options: { headers: Record<string, string> }): Request;
}
declare module "node:https" {
  export { request } from "node:http";
}
declare module "node:crypto" {
  export function randomBytes(count: number): Uint8Array & { toString(encoding: "base64"): string };
  export function createHash(name: "sha1"): { update(text: string): { digest(encoding: "base64"): string } };
}
