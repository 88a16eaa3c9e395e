/**
 * What TLS is told by a program's configuration: `TLS_CERT`, `TLS_KEY` and `TLS_CA`, the paths of files in PEM, and
 * `TLS_MUTUAL`.
 */
import * as Config from "effect/Config"
import type { Options } from "./options.ts"

/** Options as configured, over those that are given; undefined where nobody says anything of TLS. */
export const over = (options: Options | undefined): Config.Config<Options | undefined> =>
  Config.all({
    cert: file("TLS_CERT"),
    key: file("TLS_KEY"),
    ca: file("TLS_CA"),
    mutual: Config.Boolean("TLS_MUTUAL").pipe(Config.withDefault(undefined))
  }).pipe(
    Config.map(({ ca, cert, key, mutual }) => {
      const isSilent = options === undefined && cert === undefined && key === undefined && ca === undefined
      return isSilent && mutual !== true ? undefined : {
        ...options,
        cert: cert ?? options?.cert,
        key: key ?? options?.key,
        ca: ca ?? options?.ca,
        mutual: mutual ?? options?.mutual
      }
    })
  )

// ---------------------------------------------------------------------------------------------------------------------

const file = (name: string) =>
  Config.NonEmptyString(name).pipe(Config.map((file) => ({ file })), Config.withDefault(undefined))
