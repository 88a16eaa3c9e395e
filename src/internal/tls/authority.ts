/**
 * A certificate authority for development and tests: keys on P-256, made and forgotten with the process.
 *
 * `node:crypto` reads X.509 and does not write it, so what it signs is laid out here. Only what TLS asks for is in it.
 */
import * as Crypto from "node:crypto"
import * as Net from "node:net"
import * as Der from "./der.ts"

/** What a certificate says. */
export interface Subject {
  readonly name: string
  /** Names and addresses that it is good for. */
  readonly hosts: ReadonlyArray<string>
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
}

/** A certificate and its key, in PEM. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

export interface Authority {
  /** Its own certificate, in PEM. */
  readonly cert: string
  readonly issue: (subject: Subject) => Pair
}

/** Makes an authority that signs for as long as its own certificate is good. */
export const make = (subject: Omit<Subject, "hosts">): Authority => {
  const own = keys()
  const signer = { name: subject.name, key: own.privateKey, id: keyId(own.publicKey) }
  return {
    cert: sign(signer, subject, own.publicKey, [
      // May sign certificates of others, but none that may do the same.
      extension("2.5.29.19", true, Der.sequence(Der.yes, Der.integer(Buffer.from([0])))),
      extension("2.5.29.15", true, Der.bits(Buffer.from([0x06]), 1))
    ]),
    issue: (subject) => {
      const { privateKey, publicKey } = keys()
      return {
        cert: sign(signer, subject, publicKey, leaf(subject.hosts)),
        key: privateKey.export({ type: "pkcs8", format: "pem" })
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Signer {
  readonly name: string
  readonly key: Crypto.KeyObject
  readonly id: Buffer
}

const keys = () => Crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })

const ecdsaWithSha256 = Der.sequence(Der.oid("1.2.840.10045.4.3.2"))

const sign = (
  signer: Signer,
  { name, notAfter, notBefore }: Omit<Subject, "hosts">,
  publicKey: Crypto.KeyObject,
  extensions: ReadonlyArray<Buffer>
): string => {
  const body = Der.sequence(
    Der.tagged(0, true, Der.integer(Buffer.from([2]))),
    Der.integer(serial()),
    ecdsaWithSha256,
    distinguished(signer.name),
    Der.sequence(Der.time(notBefore), Der.time(notAfter)),
    distinguished(name),
    publicKey.export({ type: "spki", format: "der" }),
    Der.tagged(
      3,
      true,
      Der.sequence(
        ...extensions,
        extension("2.5.29.14", false, Der.octets(keyId(publicKey))),
        extension("2.5.29.35", false, Der.sequence(Der.tagged(0, false, signer.id)))
      )
    )
  )
  const signed = Der.sequence(body, ecdsaWithSha256, Der.bits(Crypto.sign("sha256", body, signer.key)))
  const lines = signed.toString("base64").replace(/.{64}(?=.)/g, "$&\n")
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

/** What a program may do with its certificate: sign a handshake, at either end. */
const leaf = (hosts: ReadonlyArray<string>): ReadonlyArray<Buffer> => [
  extension("2.5.29.19", true, Der.sequence()),
  extension("2.5.29.15", true, Der.bits(Buffer.from([0x80]), 7)),
  extension("2.5.29.37", false, Der.sequence(Der.oid("1.3.6.1.5.5.7.3.1"), Der.oid("1.3.6.1.5.5.7.3.2"))),
  ...(hosts.length === 0 ? [] : [extension("2.5.29.17", false, Der.sequence(...hosts.map(alternative)))])
]

const extension = (id: string, critical: boolean, body: Buffer): Buffer =>
  Der.sequence(Der.oid(id), ...(critical ? [Der.yes] : []), Der.octets(body))

const alternative = (host: string): Buffer =>
  Net.isIP(host) === 0
    ? Der.tagged(2, false, Buffer.from(host, "latin1"))
    : Der.tagged(7, false, Net.isIPv4(host) ? Buffer.from(host.split(".").map(Number)) : octetsOf(host))

/** The 16 octets of an IPv6 address, of which `URL` writes no part in dots. */
const octetsOf = (address: string): Buffer => {
  const [head, tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::")
  const groups = (side: string) => side === "" ? [] : side.split(":")
  const [before, after] = [groups(head), groups(tail)]
  const zeros = Array<string>(8 - before.length - after.length).fill("0")
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex")
}

const distinguished = (name: string): Buffer => Der.sequence(Der.set(Der.sequence(Der.oid("2.5.4.3"), Der.text(name))))

const keyId = (key: Crypto.KeyObject): Buffer =>
  Crypto.hash("sha256", key.export({ type: "spki", format: "der" }), "buffer").subarray(0, 20)

/** 128 random bits; the first one is set and the sign is not, so that the length is always the same. */
const serial = (): Buffer => {
  const bytes = Crypto.randomBytes(16)
  bytes[0] = (bytes[0] & 0x7f) | 0x40
  return bytes
}
