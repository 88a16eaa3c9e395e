/** The certificates that we make ourselves, read by OpenSSL. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createPrivateKey, X509Certificate } from "node:crypto"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { authority, ours, present } from "./certificates.ts"

describe("a certificate of our own", () => {
  it("is signed by its authority, and by no other of that name", () => {
    const pair = ours.issue({ name: "test", hosts: [], ...present })
    const [leaf, root] = [new X509Certificate(pair.cert), new X509Certificate(ours.cert)]
    assert.isTrue(leaf.checkIssued(root))
    assert.isTrue(leaf.verify(root.publicKey))
    assert.isFalse(leaf.verify(new X509Certificate(authority().cert).publicKey))
    assert.isTrue(leaf.checkPrivateKey(createPrivateKey(pair.key)))
    assert.isTrue(root.ca)
    assert.isFalse(leaf.ca)
  })

  it("is good for the names and addresses it was made for", () => {
    const hosts = [
      "orders.test",
      "*.fleet.test",
      "127.0.0.1",
      "255.1.0.9",
      "::1",
      "::",
      "fd00::8:800:200c:417a",
      "1:2:3:4:5:6:7:8"
    ]
    const leaf = new X509Certificate(ours.issue({ name: "test", hosts, ...present }).cert)
    assert.strictEqual(leaf.checkHost("orders.test"), "orders.test")
    assert.strictEqual(leaf.checkHost("a.fleet.test"), "*.fleet.test")
    assert.isUndefined(leaf.checkHost("test"))
    for (const address of hosts.slice(2)) assert.isString(leaf.checkIP(address), address)
    for (const address of ["127.0.0.2", "::2", "fd00::8"]) assert.isUndefined(leaf.checkIP(address), address)
  })

  it("has room for many names", () => {
    const hosts = Array.from({ length: 3000 }, (_, index) => `host-${index}.test`)
    const leaf = new X509Certificate(ours.issue({ name: "x".repeat(60), hosts, ...present }).cert)
    assert.strictEqual(leaf.checkHost("host-2999.test"), "host-2999.test")
    assert.strictEqual(leaf.subject, `CN=${"x".repeat(60)}`)
  })

  it("is good for the time it was made for, before 2050 and after", () => {
    for (
      const [from, to] of [["2001-02-03T04:05:06Z", "2049-12-31T23:59:59Z"], [
        "2050-01-01T00:00:00Z",
        "2123-04-05T06:07:08Z"
      ]]
    ) {
      const [notBefore, notAfter] = [Date.parse(from), Date.parse(to)]
      const leaf = new X509Certificate(ours.issue({ name: "test", hosts: [], notBefore, notAfter }).cert)
      assert.strictEqual(leaf.validFromDate.getTime(), notBefore)
      assert.strictEqual(leaf.validToDate.getTime(), notAfter)
    }
  })

  it("has a number of its own", () => {
    const numbers = Array.from(
      { length: 100 },
      () => new X509Certificate(ours.issue({ name: "test", hosts: [], ...present }).cert).serialNumber
    )
    assert.strictEqual(new Set(numbers).size, 100)
    for (const number of numbers) assert.strictEqual(number.length, 32)
  })
})

describe("certificates for development", () => {
  it.live("serve and call on the loopback interface by name and address, mutually", () =>
    Effect.gen(function*() {
      const tls = yield* HttpTransport.selfSigned()
      const transport = yield* HttpTransport.make({ host: "127.0.0.1", tls: { ...tls, mutual: true } })
      const address = yield* transport.listen("orders", Exchanges.echo)
      for (const url of [address, address.replace("127.0.0.1", "localhost")]) {
        const connection = yield* transport.connect(url)
        assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("hi"))), "hi")
      }
    }))

  it.live("last as long as they are told, for whom they are told", () =>
    Effect.gen(function*() {
      const { ca, cert, key } = yield* HttpTransport.selfSigned({ hosts: ["orders.test"], days: 1 })
      const leaf = new X509Certificate(cert)
      assert.strictEqual(leaf.validToDate.getTime() - leaf.validFromDate.getTime(), 25 * 60 * 60 * 1000)
      assert.strictEqual(leaf.checkHost("orders.test"), "orders.test")
      assert.isUndefined(leaf.checkHost("localhost"))
      assert.isTrue(leaf.verify(new X509Certificate(ca).publicKey))
      assert.isTrue(leaf.checkPrivateKey(createPrivateKey(Redacted.value(key))))
      assert.notInclude(String(key), "PRIVATE")
    }))
})
