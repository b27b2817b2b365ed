import type { CallOptions, Transport } from "./transport.js";
import type {
  ChannelDetails,
  ChannelList,
  ConfigUpdated,
  InstallSkillOptions,
  Pairing,
  People,
  SkillItem,
  SkillList,
  SkillRemoved,
  Unpaired,
} from "./types.js";
import { snake } from "./wire.js";

/** Downloading and checking a skill. */
const INSTALL_MS = 180_000;

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
    const { signal, requestTimeoutMs = INSTALL_MS, ...more } = options;
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

  /** One channel, with all that is known of it. */
  async status(type: string, options: CallOptions = {}): Promise<ChannelDetails> {
    return (await this.#transport.json("channelStatus", { ...options, parameter: type })) as ChannelDetails;
  }

  /** A one-time code that lets somebody in. */
  async pair(type: string, options: CallOptions = {}): Promise<Pairing> {
    return (await this.#transport.json("pairChannel", { ...options, parameter: type })) as Pairing;
  }

  /** People whom a code let in. */
  async paired(type: string, options: CallOptions = {}): Promise<People> {
    return (await this.#transport.json("listPaired", { ...options, parameter: type })) as People;
  }

  /** Takes a pairing back. */
  async unpair(type: string, user: string, options: CallOptions = {}): Promise<Unpaired> {
    return (await this.#transport.json("unpairUser", { ...options, parameter: type, query: { user } })) as Unpaired;
  }

  /** Posts what a platform would post. The headers carry its signature, which is of the body as it stands here, to the byte. */
  async webhook(type: string, body: string, headers: Record<string, string>, options: CallOptions = {}): Promise<Record<string, unknown>> {
    // A message that comes twice is answered once.
    const call = { ...options, parameter: type, body, headers, repeatable: true };
    return (await this.#transport.json("channelWebhook", call)) as Record<string, unknown>;
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
