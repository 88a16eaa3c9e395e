import { assert, it } from "@effect/vitest"
import type { Advert } from "../../src/internal/mdns/advert.ts"
import { responses } from "../../src/internal/mdns/advertiser.ts"
import type { Packet, Question } from "../../src/internal/mdns/packet.ts"

const advert = (id: string, ip = "10.0.0.7"): Advert => ({
  service: "orders",
  browse: "orders.micro",
  name: `${id}.orders.micro`,
  host: "vm",
  ip,
  port: 4000,
  txt: [Buffer.from("00")],
  ttl: 120
})

const adverts = [advert("a"), advert("b", "fd00::7")]

/** Each answer as one text: its id, and the types and owners of its records. */
const answersTo = (name: string, type: Question["type"], options?: { readonly class: string }) => {
  const question = { name, type, class: "IN", ...options }
  const packet = { type: "query", id: 7, questions: [question], answers: [], authorities: [], additionals: [] }
  return responses(packet as unknown as Packet, adverts, "micro").map(({ answers = [], id }) =>
    `${id}: ${answers.map(({ name, type }) => `${type} ${name}`).join(", ")}`
  )
}

it("answers for each instance in a packet of its own, with an address of its own family", () => {
  const expected = [
    "0: PTR orders.micro, SRV a.orders.micro, A vm, TXT a.orders.micro",
    "0: PTR orders.micro, SRV b.orders.micro, AAAA vm, TXT b.orders.micro"
  ]
  assert.deepStrictEqual(answersTo("orders.micro", "PTR"), expected)
  assert.deepStrictEqual(answersTo("orders.micro", "ANY"), expected)
})

it("answers for one instance, as much as is asked for", () => {
  assert.deepStrictEqual(answersTo("a.orders.micro", "ANY"), ["0: SRV a.orders.micro, A vm, TXT a.orders.micro"])
  assert.deepStrictEqual(answersTo("a.orders.micro", "SRV"), ["0: SRV a.orders.micro, A vm"])
  assert.deepStrictEqual(answersTo("a.orders.micro", "TXT"), ["0: TXT a.orders.micro"])
  assert.deepStrictEqual(answersTo("b.orders.micro", "AAAA"), ["0: AAAA vm"])
})

it("lists a service once", () => {
  const entry = "SRV orders._services.micro, A vm, TXT orders._services.micro"
  assert.deepStrictEqual(answersTo("_services.micro", "PTR"), [`0: PTR _services.micro, ${entry}`])
  assert.deepStrictEqual(answersTo("orders._services.micro", "ANY"), [`0: ${entry}`])
  assert.deepStrictEqual(answersTo("_services._dns-sd._udp.micro", "PTR"), ["0: PTR _services._dns-sd._udp.micro"])
})

it("tells the addresses of this machine to who asks by its name", () => {
  assert.deepStrictEqual(answersTo("vm", "ANY"), ["0: A vm, AAAA vm"])
  assert.deepStrictEqual(answersTo("vm", "A"), ["0: A vm"])
})

it("is silent about everything else", () => {
  assert.deepStrictEqual(answersTo("users.micro", "PTR"), [])
  assert.deepStrictEqual(answersTo("orders.local", "PTR"), [])
  assert.deepStrictEqual(answersTo("orders.micro", "TXT"), [])
  // A probe asks so, and an answer would be an objection.
  assert.deepStrictEqual(answersTo("a.orders.micro", "PTR"), [])
})

it("gives the id back to who asks for an answer to himself alone", () => {
  const [answer] = answersTo("a.orders.micro", "TXT", { class: "UNKNOWN_32769" })
  assert.strictEqual(answer, "7: TXT a.orders.micro")
})
