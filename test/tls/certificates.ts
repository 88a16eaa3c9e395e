/** Certificates for the tests: an authority, what it signs, and options out of them. */
import * as Authority from "../../src/internal/tls/authority.ts"
import type { TlsOptions } from "../../src/Layers/HttpTransport.ts"

const day = 24 * 60 * 60 * 1000
const now = Date.now()
export const past = { notBefore: now - 2 * day, notAfter: now - day }
export const present = { notBefore: now - day, notAfter: now + day }
export const future = { notBefore: now + day, notAfter: now + 2 * day }

/** An authority that outlives whatever it signs. */
export const authority = (name = "Ours") =>
  Authority.make({ name, notBefore: now - 10 * day, notAfter: now + 10 * day })

export const ours = authority()

/** What a server of the loopback interface and a client of it need. */
export const local = (
  { by = ours, during = present, hosts = ["127.0.0.1"] }: {
    readonly by?: Authority.Authority
    readonly during?: typeof present
    readonly hosts?: ReadonlyArray<string>
  } = {}
) => ({ ca: by.cert, ...by.issue({ name: "test", hosts, ...during }) }) satisfies TlsOptions
