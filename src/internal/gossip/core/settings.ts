/**
 * How fast a cluster notices, and at what cost: the presets of memberlist, which all members of a cluster share.
 *
 * Times are milliseconds.
 */

export interface Settings {
  /** How often one member is asked whether it is there, and how long it may take before others are asked to ask it. */
  readonly probeInterval: number
  readonly probeTimeout: number
  /** How many others are asked. */
  readonly indirectChecks: number
  /** How often news goes out, and to how many. */
  readonly gossipInterval: number
  readonly gossipNodes: number
  /** How long the dead are still told news, and remembered: one of them may be alive behind a broken wire. */
  readonly gossipToTheDead: number
  /** Times the logarithm of the number of members: how often a piece of news is sent. */
  readonly retransmitMult: number
  /** Times the logarithm of the number of members and the interval of probes: how long a suspect may defend itself. */
  readonly suspicionMult: number
  /** How much longer than that while few others agree. */
  readonly suspicionMaxMult: number
  /** How often two members compare all they know. */
  readonly pushPullInterval: number
  /** The worst that a member thinks of its own health, plus one. */
  readonly awarenessMax: number
  /** The longest that something over a connection may take. */
  readonly streamTimeout: number
  /** How long a dead member keeps its name from one at another address. */
  readonly deadNodeReclaim: number
  /** How many members are known at most, the dead included; more are not taken in. */
  readonly maxMembers: number
  /** The longest packet, in bytes. */
  readonly packetSize: number
  /**
   * The longest that this process may be late before its own clock counts as having stood still. Who was not running has
   * no ground to call others silent.
   */
  readonly stall: number
}

/** Within a data centre. */
export const lan: Settings = {
  probeInterval: 1000,
  probeTimeout: 500,
  indirectChecks: 3,
  gossipInterval: 200,
  gossipNodes: 3,
  gossipToTheDead: 30_000,
  retransmitMult: 4,
  suspicionMult: 4,
  suspicionMaxMult: 6,
  pushPullInterval: 30_000,
  awarenessMax: 8,
  streamTimeout: 10_000,
  deadNodeReclaim: Infinity,
  maxMembers: 65_536,
  packetSize: 1400,
  stall: 100
}

/** Between data centres. */
export const wan: Settings = {
  ...lan,
  probeInterval: 5000,
  probeTimeout: 3000,
  gossipInterval: 500,
  gossipNodes: 4,
  gossipToTheDead: 60_000,
  suspicionMult: 6,
  pushPullInterval: 60_000,
  streamTimeout: 30_000
}

/** On one machine, in tests for the most part. */
export const local: Settings = {
  ...lan,
  probeTimeout: 200,
  indirectChecks: 1,
  gossipInterval: 100,
  gossipToTheDead: 15_000,
  retransmitMult: 2,
  suspicionMult: 3,
  pushPullInterval: 15_000,
  streamTimeout: 1000
}

/**
 * How many packets carry a piece of news from one member, in a cluster of so many.
 *
 * memberlist has half of that for up to nine members, where those few are spent by chance on the same ones: with a quarter of
 * the packets lost, in one of seven cases somebody does not hear of it before the next comparison.
 */
export const retransmits = (settings: Settings, members: number): number =>
  settings.retransmitMult * Math.max(2, Math.ceil(Math.log10(members + 1)))

/** How long a suspect has once enough others agree, in a cluster of so many. */
export const suspicion = (settings: Settings, members: number): number =>
  settings.suspicionMult * Math.max(1, Math.log10(Math.max(1, members))) * settings.probeInterval

/** How often two members compare all they know, in a cluster of so many: large ones must not drown in it. */
export const pushPull = (settings: Settings, members: number): number =>
  members <= 32 ? settings.pushPullInterval : settings.pushPullInterval * (Math.ceil(Math.log2(members) - 5) + 1)
