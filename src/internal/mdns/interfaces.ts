/**
 * The network interfaces of this machine, and who is near them.
 */
import * as net from "node:net"
import * as os from "node:os"

/** A version of the Internet Protocol. */
export type Family = 4 | 6

/** An interface that the group can be reached through. */
export interface Interface {
  readonly family: Family
  readonly name: string
  /** One of its addresses. */
  readonly address: string
  /** What the system calls the interface where a group is joined. */
  readonly multicast: string
  readonly internal: boolean
}

/** The interfaces of a moment. */
export interface Interfaces {
  readonly all: ReadonlyArray<Interface>
  /** Whether an address is one of this machine. */
  readonly isOwn: (address: string) => boolean
  /** Whether an address is in a network that this machine is in: mDNS is for neighbours, and never answers beyond. */
  readonly isNear: (address: string) => boolean
}

/** Which interfaces to use. */
export interface Choice {
  readonly families: ReadonlyArray<Family>
  /** Names or addresses; all interfaces where nothing is said. */
  readonly interfaces: ReadonlyArray<string> | undefined
}

/** More of a kind are left out: a host of containers has hundreds, and every question would go through each. */
const limit = 16

/** Reads the interfaces of this moment. */
export const scan = (choice: Choice): Interfaces => {
  // Without an address for the network, the system writes none into what a neighbour on this machine sends.
  const own = new Set(["0.0.0.0", "::"])
  const near = new net.BlockList()
  near.addAddress("0.0.0.0")
  near.addSubnet("fe80::", 10, "ipv6")
  const found = new Map<string, Interface>()
  for (const [name, infos] of Object.entries(os.networkInterfaces())) {
    for (const info of infos ?? []) {
      own.add(info.address)
      const prefix = Number(info.cidr?.split("/")[1] ?? (info.family === "IPv6" ? 128 : 32))
      near.addSubnet(info.address, prefix, info.family === "IPv6" ? "ipv6" : "ipv4")
      const candidate = toInterface(name, info)
      const key = `${candidate.family} ${name}`
      if (!found.has(key) && isChosen(candidate, choice)) found.set(key, candidate)
    }
  }
  const of = (family: Family) => [...found.values()].filter((one) => one.family === family).slice(0, limit)
  return {
    all: [...of(4), ...of(6)],
    isOwn: (address) => own.has(withoutZone(address)),
    isNear: (address) => near.check(withoutZone(address), net.isIPv6(address) ? "ipv6" : "ipv4")
  }
}

/** Whether an address is good on its own machine only. */
export const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1"

// ---------------------------------------------------------------------------------------------------------------------

const withoutZone = (address: string): string => address.split("%", 1)[0] ?? address

const toInterface = (name: string, info: os.NetworkInterfaceInfo): Interface => {
  const { address, internal } = info
  if (info.family === "IPv4") return { family: 4, name, address, multicast: address, internal }
  const zone = process.platform === "win32" ? info.scopeid : name
  return { family: 6, name, address, multicast: `::%${zone}`, internal }
}

const isChosen = ({ address, family, name }: Interface, { families, interfaces }: Choice): boolean =>
  families.includes(family) && (interfaces === undefined || interfaces.includes(name) || interfaces.includes(address))
