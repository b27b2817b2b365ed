export interface Sse {
  id: string | undefined;
  data: string;
}

/** Events of a stream, by the rules of the HTML standard. What is cut off in the middle of an event is no event. */
export class SseParser {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #id: string | undefined;
  #data: string[] = [];

  push(bytes: Uint8Array): Sse[] {
    const events: Sse[] = [];
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    // A carriage return at the end may be the first half of a line end.
    const whole = this.#rest.endsWith("\r") ? this.#rest.slice(0, -1) : this.#rest;
    const lines = whole.split(/\r\n|\n|\r/);
    const last = lines.pop() ?? "";
    this.#rest = this.#rest.slice(whole.length - last.length);
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length > 0) events.push({ id: this.#id, data: this.#data.join("\n") });
        this.#data = [];
        this.#id = undefined;
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (field === "data") this.#data.push(value ?? "");
      else if (field === "id") this.#id = value;
    }
    return events;
  }
}
