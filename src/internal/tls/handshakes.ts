/**
 * Why a handshake failed, in words that say what to do about it.
 *
 * OpenSSL tells by codes, some of which change their names from one release to the next: they are matched by their end.
 */

/** What a code means for who dialled. The code itself stays with the `cause`. */
export const explain = (cause: NodeJS.ErrnoException): Error => {
  const code = cause.code ?? ""
  const found = meanings.find(([pattern]) => pattern.test(code))
  if (found === undefined) return cause
  const [, meaning] = found
  return new Error(typeof meaning === "string" ? meaning : meaning(cause), { cause })
}

/**
 * Whether an explained error says that the other side wanted a certificate, and has sent us away.
 *
 * **Details**
 *
 * In TLS 1.3 a client has made its handshake, and may have written, before the server looks at its certificate. What
 * was written has been read by nobody.
 */
export const isRefusal = ({ cause }: Error): boolean =>
  cause instanceof Error && "code" in cause && refusal.test(String(cause.code))

// ---------------------------------------------------------------------------------------------------------------------

const refusal = /_ALERT_CERTIFICATE_REQUIRED$/

const untrusted = new RegExp(
  `^(${
    [
      "UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?",
      "CERT_UNTRUSTED"
    ].join("|")
  })$`
)

/** Node adds what it compared. */
const otherName = (cause: Error & { readonly host?: string; readonly cert?: { readonly subjectaltname?: string } }) =>
  `its certificate is for ${cause.cert?.subjectaltname ?? "no name"}, and not for ${cause.host}`

const meanings: ReadonlyArray<readonly [RegExp, string | ((cause: Error) => string)]> = [
  [untrusted, "no authority that is trusted here has signed its certificate"],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, otherName],
  [/^CERT_HAS_EXPIRED$/, "its certificate has expired, or that of its authority"],
  [/^CERT_NOT_YET_VALID$/, "its certificate is not valid yet, or that of its authority"],
  [/^INVALID_PURPOSE$/, "its certificate is not one for servers"],
  [refusal, "it wants a certificate of its clients, and there is none here"],
  [/_ALERT_HANDSHAKE_FAILURE$/, "it refused the handshake; it may want a certificate of its clients"],
  [/_ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED)$/, "it refused our certificate"],
  [/_(ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL)$/, "it speaks no version of TLS that is allowed at both ends"],
  [/_NO_APPLICATION_PROTOCOL$/, "it speaks TLS, but not this protocol"],
  [/_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/, "it does not speak TLS"]
]
