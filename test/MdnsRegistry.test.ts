import { assert, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import * as os from "node:os"
import { fileURLToPath } from "node:url"
import * as zlib from "node:zlib"
import * as MdnsRegistry from "../src/Layers/MdnsRegistry.ts"
import { Endpoint, Registry } from "../src/Registry.ts"
import * as Bytes from "./mdns/bytes.ts"
import * as Peer from "./mdns/peer.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"

/** A domain of its own for each registry or test: tests run beside each other, on one network. */
const newDomain = Effect.sync(() => `test-${randomUUID()}`)

registrySuite(
  "MdnsRegistry",
  Layer.effect(Registry, Effect.flatMap(newDomain, (domain) => MdnsRegistry.make({ domain, port: Peer.port })))
)

/** A registry where nothing but the loopback interface exists. */
const makeLocal = (domain: string, options?: MdnsRegistry.Options) =>
  MdnsRegistry.make({ domain, port: Peer.port, interface: "127.0.0.1", ...options })

const host = os.hostname()

/** The JSON of an instance that says nothing but its address. */
const bareJson = (address: string) =>
  `{"Service":"orders","Version":"1.0.0","Endpoints":[],"Metadata":{"protocol":"mucp","transport":"http",` +
  `"server":"mucp","registry":"mdns","address":"${address}"}}`

/** SRV, A and TXT as this package writes them. */
const bareRecords = (domain: string, ttl: number) => [
  Bytes.record(`one.orders.${domain}`, "SRV", ttl, Bytes.srv(4000, host)),
  Bytes.record(host, "A", ttl, Bytes.a("127.0.0.1")),
  Bytes.record(`one.orders.${domain}`, "TXT", ttl, Bytes.txt(bareJson("micro://127.0.0.1:4000")))
]

/** SRV, A and TXT as a server of Go Micro writes them. */
const goRecords = (
  domain: string,
  options?: { id?: string; ttl?: number; json?: string; ip?: string; port?: number }
) => {
  const { id = "orders-1", ip = "127.0.0.1", json = goJson, port = 9090, ttl = 120 } = options ?? {}
  const owner = `${id}.orders.${domain}`
  return [
    Bytes.record(owner, "SRV", ttl, Bytes.srv(port, "gopher")),
    Bytes.record("gopher", "A", ttl, Bytes.a(ip)),
    Bytes.record(owner, "TXT", ttl, Bytes.txt(json))
  ]
}

const goJson =
  `{"Metadata":{"broker":"http","protocol":"mucp","registry":"mdns"},"Service":"orders","Version":"latest",` +
  `"Endpoints":[{"name":"Orders.Place","request":{"name":"Req","type":"Req","values":null},"response":null,` +
  `"metadata":{"stream":"true"}},{"name":"Orders.List","request":null,"response":null,"metadata":null}]}`

const goAnnouncement = (domain: string, options?: Parameters<typeof goRecords>[1]) =>
  Bytes.packet({ id: 0, flags: 0x8000 }, { answers: goRecords(domain, options) })

const goAnswer = (domain: string, options?: Parameters<typeof goRecords>[1]) =>
  Bytes.packet({ id: 0, flags: 0x8400 }, {
    questions: [Bytes.question(`orders.${domain}`, "PTR")],
    answers: [
      Bytes.record(`orders.${domain}`, "PTR", 120, Bytes.name(`${options?.id ?? "orders-1"}.orders.${domain}`)),
      ...goRecords(domain, options)
    ]
  })

const isQuestion = (bytes: Buffer, question: Buffer) =>
  bytes.readUInt16BE(2) === 0 && bytes.subarray(12).equals(question)

const ask = (question: Buffer) => Bytes.packet({ id: 7, flags: 0 }, { questions: [question] })

it.live("answers Go Micro's question with one packet to the asker: the question and four records", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    yield* registry.register(instance("one"))
    const asker = yield* Peer.open(domain, "asker")
    const browse = Bytes.question(`orders.${domain}`, "PTR")
    yield* asker.multicast(ask(browse))
    const { bytes } = yield* Queue.take(asker.received)
    const pointer = Bytes.record(`orders.${domain}`, "PTR", 120, Bytes.name(`one.orders.${domain}`))
    const expected = Bytes.packet({ id: 0, flags: 0x8400 }, {
      questions: [browse],
      answers: [pointer, ...bareRecords(domain, 120)]
    })
    assert.strictEqual(bytes.toString("hex"), expected.toString("hex"))

    // The next packet is the answer to the next question: there was no second one.
    const list = Bytes.question(`_services.${domain}`, "PTR")
    yield* asker.multicast(ask(list))
    const entry = `orders._services.${domain}`
    assert.strictEqual(
      (yield* Queue.take(asker.received)).bytes.toString("hex"),
      Bytes.packet({ id: 0, flags: 0x8400 }, {
        questions: [list],
        answers: [
          Bytes.record(`_services.${domain}`, "PTR", 120, Bytes.name(entry)),
          Bytes.record(entry, "SRV", 120, Bytes.srv(9999, host)),
          Bytes.record(host, "A", 120, Bytes.a("0.0.0.0")),
          Bytes.record(entry, "TXT", 120, Buffer.alloc(0))
        ]
      }).toString("hex")
    )
  }))

it.effect("probes three times, announces three times, and says goodbye", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    const next = Effect.map(Queue.take(member.received), ({ bytes, from }) => {
      assert.strictEqual(from.port, Peer.port)
      return bytes
    })
    const scope = yield* Scope.make()
    yield* Scope.provide(registry.register(instance("one")), scope)
    let id: number | undefined
    for (let probes = 0; probes < 3; probes++) {
      const probe = yield* next
      id ??= probe.readUInt16BE(0)
      const [srv, , txt] = bareRecords(domain, 120)
      assert(srv !== undefined && txt !== undefined)
      const tentative = Bytes.record(`one.orders.${domain}`, "SRV", 120, Bytes.srv(4000, host, 0, 0))
      const expected = Bytes.packet({ id, flags: 0 }, {
        questions: [Bytes.question(`one.orders.${domain}`, "PTR")],
        authorities: [tentative, txt]
      })
      assert.strictEqual(probe.toString("hex"), expected.toString("hex"))
      yield* TestClock.adjust("250 millis")
    }
    const announcement = Bytes.packet({ id: 0, flags: 0x8000 }, { answers: bareRecords(domain, 120) })
    for (const wait of [1000, 2000, 0]) {
      assert.strictEqual((yield* next).toString("hex"), announcement.toString("hex"))
      yield* TestClock.adjust(wait)
    }
    yield* Scope.close(scope, Exit.void)
    const goodbye = Bytes.packet({ id: 0, flags: 0x8000 }, { answers: bareRecords(domain, 0) })
    assert.strictEqual((yield* next).toString("hex"), goodbye.toString("hex"))
  }))

it.live("asks from a port of its own, as Go Micro does, and reads the answer of a Go Micro server", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    const listing = yield* Effect.forkScoped(awaitList(registry.watch("orders"), () => true))
    const { bytes, from } = yield* Queue.take(member.received)
    assert.isTrue(isQuestion(bytes, Bytes.question(`orders.${domain}`, "PTR")))
    assert.notStrictEqual(from.port, Peer.port)
    yield* member.sendTo(goAnswer(domain), from.port, from.address)
    const [found] = yield* Fiber.join(listing)
    assert.deepStrictEqual(
      found,
      instance("orders-1", {
        version: "latest",
        address: "http://127.0.0.1:9090",
        metadata: { broker: "http", protocol: "mucp", registry: "mdns" },
        endpoints: [
          new Endpoint({ name: "Orders.Place", metadata: { stream: "true" } }),
          new Endpoint({ name: "Orders.List", metadata: {} })
        ]
      })
    )
  }))

it.effect("is silent until the window of the first question is over, and then says that nobody is there", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    const lists = yield* Queue.unbounded<ReadonlyArray<unknown>>()
    yield* registry.watch("orders").pipe(
      Stream.runForEach((list) => Queue.offer(lists, list)),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Queue.take(member.received)
    yield* TestClock.adjust(149)
    assert.strictEqual(yield* Queue.size(lists), 0)
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(yield* Queue.take(lists), [])
  }))

it.live("sees who is announced, and who says goodbye, without asking", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    yield* awaitList(registry.watch("orders"), (list) => list.length === 0)
    yield* member.multicast(goAnnouncement(domain))
    assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), (list) => list.length > 0)), ["orders-1"])
    yield* member.multicast(goAnnouncement(domain, { ttl: 0 }))
    yield* awaitList(registry.watch("orders"), (list) => list.length === 0)
  }))

it.live("learns from a probe of its own kind who is about to be announced", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    yield* awaitList(registry.watch("orders"), (list) => list.length === 0)
    const owner = `one.orders.${domain}`
    yield* member.multicast(Bytes.packet({ id: 7, flags: 0 }, {
      questions: [Bytes.question(owner, "PTR")],
      authorities: [
        Bytes.record(owner, "SRV", 120, Bytes.srv(4000, "other", 0, 0)),
        Bytes.record(owner, "TXT", 120, Bytes.txt(bareJson("micro://10.0.0.7:4000")))
      ]
    }))
    const [one] = yield* awaitList(registry.watch("orders"), (list) => list.length === 1)
    assert.strictEqual(one?.address, "micro://10.0.0.7:4000")
  }))

it.effect("asks again before a TTL is over, and drops who does not answer at the end of it", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    const lists = yield* Queue.unbounded<ReadonlyArray<unknown>>()
    yield* registry.watch("orders").pipe(
      Stream.runForEach((list) => Queue.offer(lists, list)),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* TestClock.adjust(150)
    assert.strictEqual((yield* Queue.take(lists)).length, 0)
    yield* member.multicast(goAnnouncement(domain, { ttl: 10 }))
    assert.strictEqual((yield* Queue.take(lists)).length, 1)
    // Questions for the service come in between; the one for the instance does not come before 80 % of its time.
    yield* Queue.clear(member.received)
    yield* TestClock.adjust("8300 millis")
    const direct = Bytes.question(`orders-1.orders.${domain}`, "ANY")
    yield* Queue.take(member.received).pipe(Effect.repeat({ until: ({ bytes }) => isQuestion(bytes, direct) }))
    assert.strictEqual(yield* Queue.size(lists), 0)
    yield* TestClock.adjust("1700 millis")
    assert.strictEqual((yield* Queue.take(lists)).length, 0)
  }))

it.effect("drops a doubted instance that does not answer within a second, and keeps one that does", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    const lists = yield* Queue.unbounded<ReadonlyArray<string>>()
    yield* registry.watch("orders").pipe(
      Stream.runForEach((list) => Queue.offer(lists, ids(list))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* TestClock.adjust(150)
    assert.deepStrictEqual(yield* Queue.take(lists), [])
    for (const id of ["dead", "live"]) yield* member.multicast(goAnnouncement(domain, { id }))
    yield* Queue.take(lists).pipe(Effect.repeat({ until: (list) => list.length === 2 }))
    const asked = (id: string) =>
      Queue.take(member.received).pipe(Effect.repeat({
        until: ({ bytes }) => isQuestion(bytes, Bytes.question(`${id}.orders.${domain}`, "ANY"))
      }))
    for (const id of ["dead", "live"]) {
      yield* registry.doubt(instance(id, { address: "http://127.0.0.1:9090" }))
      yield* asked(id)
    }
    yield* member.multicast(goAnnouncement(domain, { id: "live" }))
    // Said by the same socket after it: once this one is seen, the answer was.
    yield* member.multicast(goAnnouncement(domain, { id: "third" }))
    assert.deepStrictEqual(yield* Queue.take(lists), ["dead", "live", "third"])
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(yield* Queue.take(lists), ["live", "third"])
  }))

it.live("ignores garbage, lies, and a bomb, and finds who tells the truth", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    yield* awaitList(registry.watch("orders"), (list) => list.length === 0)
    const owner = `liar.orders.${domain}`
    const withTxt = (data: Buffer) =>
      Bytes.packet({ id: 0, flags: 0x8000 }, {
        answers: [
          Bytes.record(owner, "SRV", 120, Bytes.srv(1, "gopher")),
          Bytes.record("gopher", "A", 120, Bytes.a("127.0.0.1")),
          Bytes.record(owner, "TXT", 120, data)
        ]
      })
    const bomb = zlib.deflateSync(Buffer.alloc(16 * 1024 * 1024, " ")).toString("hex").match(/.{1,255}/g) ?? []
    const truth = goAnnouncement(domain, { id: "truth" })
    for (
      const bytes of [
        Buffer.from("not DNS at all"),
        Buffer.alloc(12, 0xff),
        truth.subarray(0, truth.length - 20),
        Bytes.packet({ id: 0, flags: 0x8000 }, { answers: [Buffer.from([0xc0, 0x0c, 0, 12, 0, 1])] }),
        withTxt(Bytes.strings("zz")),
        withTxt(Bytes.strings("78")),
        withTxt(Buffer.alloc(0)),
        withTxt(Bytes.strings(...bomb)),
        withTxt(Bytes.txt("[]")),
        withTxt(Bytes.txt(`{"Service":7}`)),
        withTxt(Bytes.txt(`{"Service":"users","Version":"","Endpoints":null,"Metadata":null}`)),
        goAnnouncement(domain, { id: "liar", port: 0 }),
        goAnnouncement(domain, { id: "liar", ip: "0.0.0.0" }),
        truth
      ]
    ) yield* member.multicast(bytes)
    const list = yield* awaitList(registry.watch("orders"), (list) => list.length > 0)
    assert.deepStrictEqual(ids(list), ["truth"])
  }))

it.live("tells another process on this host what it registers, what it changes, and that it leaves", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const here = yield* makeLocal(domain)
    const there = yield* makeLocal(domain)
    const scope = yield* Scope.make()
    yield* Scope.provide(here.register(instance("one", { address: "micro://127.0.0.1:4000" })), scope)
    const [one] = yield* awaitList(there.watch("orders"), (list) => list.length === 1)
    const [same] = yield* awaitList(here.watch("orders"), (list) => list.length === 1)
    assert.deepStrictEqual(one, same)
    assert.strictEqual(one?.address, "micro://127.0.0.1:4000")
    assert.notProperty(one?.metadata, "address")
    assert.deepStrictEqual(yield* awaitList(there.services, (list) => list.length === 1), ["orders"])

    yield* Scope.provide(here.register(instance("one", { metadata: { weight: "2" } })), scope)
    yield* awaitList(there.watch("orders"), ([one]) => one?.metadata["weight"] === "2")

    yield* Scope.close(scope, Exit.void)
    yield* awaitList(there.watch("orders"), (list) => list.length === 0)
    yield* awaitList(there.services, (list) => list.length === 0)
  }))

const exitOf = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) resume(Effect.succeed(child.exitCode))
    else child.once("exit", (code) => resume(Effect.succeed(code)))
  })

const memberProcess = (domain: string, id: string) =>
  Effect.gen(function*() {
    const registered = yield* Deferred.make<void>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          process.execPath,
          [fileURLToPath(new URL("mdns/member.ts", import.meta.url)), domain, String(Peer.port), id],
          { stdio: ["pipe", "pipe", "inherit"] }
        )
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    child.stdout.once("data", () => Deferred.doneUnsafe(registered, Effect.void))
    yield* Deferred.await(registered)
    return child
  })

it.live("sees another process leave at once, which ends by itself once its sockets are closed", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const child = yield* memberProcess(domain, "polite")
    yield* awaitList(registry.watch("orders"), (list) => list.length === 1)
    child.stdin.end()
    yield* awaitList(registry.watch("orders"), (list) => list.length === 0)
    assert.strictEqual(yield* exitOf(child), 0)
  }))

it.live("drops a process that was killed as soon as it is doubted", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const child = yield* memberProcess(domain, "crashing")
    const list = yield* awaitList(registry.watch("orders"), (list) => list.length === 1)
    child.kill("SIGKILL")
    yield* exitOf(child)
    for (const one of list) yield* registry.doubt(one)
    yield* awaitList(registry.watch("orders"), (list) => list.length === 0)
  }))

const refused = (options: Parameters<typeof instance>[1] & { readonly id?: string }) =>
  Effect.gen(function*() {
    const registry = yield* makeLocal(yield* newDomain)
    const { reason } = yield* Effect.flip(registry.register(instance(options.id ?? "one", options)))
    assert(reason._tag === "InvalidInstance")
    assert.strictEqual(reason.id, options.id ?? "one")
    return reason.problem
  })

it.live("refuses what cannot be announced, and says what is wrong with it", () =>
  Effect.gen(function*() {
    assert.include(yield* refused({ id: "x".repeat(64) }), "label of 64 bytes")
    assert.include(yield* refused({ id: Array.from({ length: 5 }, () => "x".repeat(60)).join(".") }), "DNS allows 255")
    assert.include(yield* refused({ id: "" }), "empty label")
    assert.include(yield* refused({ service: "or..ders" }), "empty label")
    assert.include(yield* refused({ service: "_services" }), "list of services")
    assert.include(yield* refused({ address: "10.0.0.7:4000" }), "not a URL")
    assert.include(yield* refused({ address: "micro://10.0.0.7" }), "no port")
    assert.include(yield* refused({ address: "micro://10.0.0.7:0" }), "no port")
    assert.include(yield* refused({ address: "micro://nobody.invalid:1" }), "nobody.invalid")
    const noise = Array.from({ length: 400 }, () => randomUUID()).join()
    assert.include(yield* refused({ metadata: { noise } }), "an answer holds 9000")
  }))

it.live("announces an address of this machine for one that names none, and the IP of a name", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    yield* registry.register(instance("any", { address: "micro://0.0.0.0:4000" }))
    yield* registry.register(instance("name", { address: "http://localhost:4000" }))
    const [any, name] = yield* awaitList(registry.watch("orders"), (list) => list.length === 2)
    assert.strictEqual(any?.address, "micro://127.0.0.1:4000")
    assert.strictEqual(name?.address, "http://localhost:4000")
  }))

it.effect("warns once where multicast does not work, and does not fail", () =>
  Effect.gen(function*() {
    const warnings: Array<unknown> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(message)
    })
    yield* Effect.gen(function*() {
      const registry = yield* makeLocal(yield* newDomain, { interface: "nowhere0" })
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(warnings.length, 1)
      assert.include(String(warnings[0]), "there is no interface to use")
      assert.include(String(warnings[0]), "StaticRegistry")
      yield* registry.register(instance("one"))
      const listing = yield* Effect.forkScoped(
        Effect.flatMap(Stream.runHead(registry.watch("orders")), Effect.fromOption),
        { startImmediately: true }
      )
      yield* TestClock.adjust("150 millis")
      assert.deepStrictEqual(ids(yield* Fiber.join(listing)), ["one"])
    }).pipe(Effect.provide(Logger.layer([logger])))
  }))

it.effect("does not warn where its own question comes back", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const warnings: Array<unknown> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(message)
    })
    yield* Effect.gen(function*() {
      const member = yield* Peer.open(domain, "member", { echoes: true })
      const asker = yield* Peer.open(domain, "asker")
      const registry = yield* makeLocal(domain)
      yield* registry.register(instance("one"))
      yield* Queue.take(member.received)
      // Asked after the registry asked itself, so that its own question is through once this one is answered.
      yield* asker.multicast(ask(Bytes.question(`orders.${domain}`, "PTR")))
      yield* Queue.take(asker.received)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(warnings, [])
    }).pipe(Effect.provide(Logger.layer([logger])))
  }))

it.effect("stops asking half a minute after the last one has lost interest", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const registry = yield* makeLocal(domain)
    const member = yield* Peer.open(domain, "member")
    const interested = yield* Scope.make()
    yield* registry.watch("orders").pipe(
      Stream.runDrain,
      Effect.forkIn(interested, { startImmediately: true })
    )
    const browse = Bytes.question(`orders.${domain}`, "PTR")
    assert.isTrue(isQuestion((yield* Queue.take(member.received)).bytes, browse))
    yield* Scope.close(interested, Exit.void)
    yield* TestClock.adjust("30 seconds")
    // What was sent before a mark is heard before it.
    const mark = goAnnouncement(domain)
    yield* member.multicast(mark)
    yield* Queue.take(member.received).pipe(Effect.repeat({ until: ({ bytes }) => bytes.equals(mark) }))
    yield* TestClock.adjust("5 minutes")
    yield* member.multicast(mark)
    assert.isTrue((yield* Queue.take(member.received)).bytes.equals(mark))
  }))

it.live("reads its options from config", () =>
  Effect.gen(function*() {
    const domain = yield* newDomain
    const configured = MdnsRegistry.layerConfig({
      domain: Config.String("DOMAIN"),
      port: Config.Port("PORT"),
      interface: Config.String("INTERFACE")
    })
    const provider = ConfigProvider.fromUnknown({ DOMAIN: domain, PORT: Peer.port, INTERFACE: "127.0.0.1" })
    const there = yield* makeLocal(domain)
    yield* there.register(instance("one"))
    const list = yield* Effect.flatMap(Registry, (registry) => awaitList(registry.watch("orders"), () => true)).pipe(
      Effect.provide(configured),
      Effect.provideService(ConfigProvider.ConfigProvider, provider)
    )
    assert.deepStrictEqual(ids(list), ["one"])
  }))
