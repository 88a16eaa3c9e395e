/** A server of NATS that knows its clients by what their account has signed. */
import { nkeys } from "@nats-io/transport-node"
import { createHash } from "node:crypto"

type Key = ReturnType<typeof nkeys.createAccount>

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64url")

/** A claim, signed: the only kind of JWT that the server reads. */
const sign = (issuer: Key, subject: string, name: string, claim: object): string => {
  const claims = { iat: 1, iss: issuer.getPublicKey(), sub: subject, name, nats: { version: 2, ...claim } }
  const jti = createHash("sha512-256").update(JSON.stringify(claims)).digest("hex")
  const text = `${base64(`{"typ":"JWT","alg":"ed25519-nkey"}`)}.${base64(JSON.stringify({ jti, ...claims }))}`
  return `${text}.${base64(issuer.sign(new TextEncoder().encode(text)))}`
}

/** The configuration of a server, and the credentials of a user it lets in. */
export const make = () => {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()]
  const none = { subs: -1, data: -1, payload: -1, conn: -1, leaf: -1, imports: -1, exports: -1, wildcards: true }
  const accountJwt = sign(operator, account.getPublicKey(), "fleet", { type: "account", limits: none })
  const userJwt = sign(account, user.getPublicKey(), "ann", {
    type: "user",
    pub: {},
    sub: {},
    subs: -1,
    data: -1,
    payload: -1
  })
  return {
    config: [
      `operator: ${sign(operator, operator.getPublicKey(), "us", { type: "operator" })}`,
      "resolver: MEMORY",
      `resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`
    ].join("\n"),
    credentials: [
      "-----BEGIN NATS USER JWT-----",
      userJwt,
      "------END NATS USER JWT------",
      "-----BEGIN USER NKEY SEED-----",
      new TextDecoder().decode(user.getSeed()),
      "------END USER NKEY SEED------"
    ].join("\n")
  }
}
