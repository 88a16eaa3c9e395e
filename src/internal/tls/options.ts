/** What TLS is told by whoever makes a transport. */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"

/** Text in PEM: itself, or a file that has it. Files are read again while the transport is in use. */
export type Pem = string | Redacted.Redacted | { readonly file: string }

/**
 * How a transport speaks TLS.
 *
 * **Details**
 *
 * A port takes `cert` and `key`. A client takes nothing where the servers have certificates of public authorities, `ca`
 * where they have those of one's own, and `cert` and `key` where the servers ask for them.
 */
export interface Options {
  /** One's own certificate, and those between it and its authority. */
  readonly cert?: Pem | undefined
  /** The key of the certificate, without a passphrase. */
  readonly key?: Pem | undefined
  /** The authorities to trust, instead of those that Node knows. */
  readonly ca?: Pem | ReadonlyArray<Pem> | undefined
  /** Whether a client must show a certificate that one of `ca` has signed. Default no. */
  readonly mutual?: boolean | undefined
  /** The name that the certificates of all servers have. Default the host of the address that is dialled. */
  readonly serverName?: string | undefined
  /** The oldest version to speak. Default TLS 1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
  /** How often files are read again. Default 10 seconds; at least 10 ms. */
  readonly reload?: Duration.Input | undefined
}
