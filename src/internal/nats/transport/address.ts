/** Addresses of instances that are reached over NATS: `nats://` and the name of their subject. */
import { own } from "../subject.ts"

/** The address of an instance of this name. */
export const of = (name: string): string => `nats://${name}`

/** Where an address is asked for tubes; undefined where it is none. */
export const subject = (address: string): string | undefined => {
  const [, name] = /^nats:\/\/([\w-]{1,128})$/.exec(address) ?? []
  return name === undefined ? undefined : `${own}port.${name}`
}
