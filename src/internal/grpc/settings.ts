/**
 * How a connection of HTTP/2 is set up at either end.
 */
import type { ClientSessionOptions, ServerSessionOptions, Settings } from "node:http2"

export interface Limits {
  readonly maxMessage: number
  readonly maxHeaders: number
}

/** Bytes that may be on their way over a stream, and have not been read. */
const streamWindow = 256 * 1024

/** Bytes that may be on their way over a connection. What has come is taken at once, read or not. */
export const connectionWindow = 4 * 1024 * 1024

/**
 * A setting of our own, from the range for experiments: by it a server says that it is one of us. Then a client sends
 * the first message of many when the handler asks for it, which is told by the head of the answer.
 */
const ownSetting = 0xfe3c

const ours = 1

/** Beside the metadata of a call its head may have so many bytes. */
const lane = 16 * 1024

export const server = (limits: Limits): ServerSessionOptions => ({
  ...memory(limits),
  settings: { ...shared(limits), customSettings: { [ownSetting]: ours } }
})

export const client = (limits: Limits): ClientSessionOptions => ({
  ...memory(limits),
  settings: { ...shared(limits), enablePush: false },
  remoteCustomSettings: [ownSetting]
})

/** Whether the settings of a server are those of one of us. */
export const isOwn = (settings: Settings): boolean => settings.customSettings?.[ownSetting] === ours

// ---------------------------------------------------------------------------------------------------------------------

const shared = ({ maxHeaders }: Limits): Settings => ({
  initialWindowSize: streamWindow,
  maxHeaderListSize: maxHeaders + lane
})

/** Megabytes of a connection at most, in the count of Node: 64 messages of the largest size. */
const memory = ({ maxMessage }: Limits) => ({ maxSessionMemory: Math.max(10, Math.ceil((64 * maxMessage) / 1e6)) })
