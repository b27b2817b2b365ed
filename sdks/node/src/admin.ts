import type { CallOptions, Transport } from "./transport.js";
import type { ChannelItem, ChannelList, ConfigUpdated, InstallSkillOptions, SkillItem, SkillList, SkillRemoved } from "./types.js";
import { snake } from "./wire.js";

export class Skills {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Every installed skill. */
  async list(options: CallOptions = {}): Promise<SkillList> {
    return (await this.#transport.json("listSkills", options)) as SkillList;
  }

  /** Installs a skill of the registry, or does nothing when this version is installed. */
  async install(name: string, options: Omit<InstallSkillOptions, "name"> & CallOptions = {}): Promise<SkillItem> {
    const { signal, requestTimeoutMs, ...more } = options;
    // The second time it finds the version installed.
    const call = { signal, requestTimeoutMs, body: { name, ...snake(more) }, repeatable: true };
    return (await this.#transport.json("installSkill", call)) as SkillItem;
  }

  async remove(name: string, options: CallOptions = {}): Promise<SkillRemoved> {
    return (await this.#transport.json("removeSkill", { ...options, parameter: name })) as SkillRemoved;
  }
}

export class Channels {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Every configured channel. */
  async list(options: CallOptions = {}): Promise<ChannelList> {
    return (await this.#transport.json("listChannels", options)) as ChannelList;
  }

  async status(type: string, options: CallOptions = {}): Promise<ChannelItem> {
    return (await this.#transport.json("channelStatus", { ...options, parameter: type })) as ChannelItem;
  }
}

export class Config {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The configuration in force, secrets redacted. */
  async get(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return (await this.#transport.json("getConfig", options)) as Record<string, unknown>;
  }

  /** Changes what the patch names, under the configuration's own keys; null removes (RFC 7396). */
  async update(patch: Record<string, unknown>, options: CallOptions = {}): Promise<ConfigUpdated> {
    return (await this.#transport.json("putConfig", { ...options, body: patch })) as ConfigUpdated;
  }
}
