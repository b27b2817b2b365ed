import { isObject } from "./errors.js";
import type { Metadata as WireMetadata, MetadataAttachment } from "./types.js";

/** A file: its bytes (or their base64), or an address where it lies. */
export type Attachment =
  | { name: string; mimeType: string; data: string | Uint8Array; url?: undefined }
  | { name: string; mimeType: string; url: string; data?: undefined };

/** Who sent a message, and files. Further fields are kept with the message as they are. */
export interface Metadata {
  userId?: string;
  userName?: string;
  attachments?: Attachment[];
  [key: string]: unknown;
}

/** `conversationId` as `conversation_id`; what is undefined is left out. Values stay as they are. */
export function snake(options: object): Record<string, unknown> {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([key, value]) => [key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), value]));
}

export function metadata(given: Metadata): WireMetadata {
  const { userId, userName, attachments, ...others } = given;
  return { ...snake({ userId, userName, attachments: attachments?.map(attachment) }), ...others };
}

function attachment(given: Attachment): MetadataAttachment {
  const { name, mimeType, data, url } = given;
  if (data === undefined) return { name, mime_type: mimeType, url };
  return { name, mime_type: mimeType, data: typeof data === "string" ? data : base64(data) };
}

function base64(bytes: Uint8Array): string {
  let text = "";
  // As arguments of one call, so not too many at once.
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

/** A path of the document with its parameter filled in. */
export function fill(path: string, parameter?: string): string {
  return path.replace(/\{\w+\}/, () => encodeURIComponent(parameter ?? ""));
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
