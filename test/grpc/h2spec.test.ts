/**
 * The conformance suite of HTTP/2, against a port in the clear and under TLS, and against Node's own server: what that one
 * does not keep is not ours to mend, and nothing else may be broken.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Http2 from "node:http2"
import type { AddressInfo } from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { local } from "../tls/certificates.ts"
import * as Programs from "./programs.ts"

/**
 * What a bare server of Node does not keep. Its library ignores what comes for a stream that is closed, or for one before
 * the last, and what is wrong with a priority; and it closes the connection where a ping or a window says enough.
 */
const ofNode: ReadonlyArray<string> = [
  "http2/5.1 closed: Sends a DATA frame after sending RST_STREAM frame",
  "http2/5.1 closed: Sends a HEADERS frame after sending RST_STREAM frame",
  "http2/5.1 closed: Sends a DATA frame",
  "http2/5.1 closed: Sends a HEADERS frame",
  "http2/5.1.1 Sends stream identifier that is numerically smaller than previous",
  "http2/5.3.1 Sends PRIORITY frame that depend on itself",
  "http2/6.3 Sends a PRIORITY frame with 0x0 stream identifier",
  "http2/6.7 Sends a PING frame with ACK",
  "http2/6.9.1 Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream"
]

/** What has no preface is a request of HTTP/1.1 here, and is told in its own language that it is none. */
const ofOnePort = "http2/3.5 Sends invalid connection preface"

/** A second head for a stream comes too late where its answer has already gone out, at whatever server. */
const ofTiming = "http2/5.1 half closed (remote): Sends a HEADERS frame"

/** How many cases there were, and the names of those that failed. */
const examine = (port: number, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "h2spec-"))),
      (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
    )
    const report = Path.join(folder, "report.xml")
    yield* Programs.run("h2spec", ["-h", "127.0.0.1", "-p", `${port}`, "-j", report, ...flags])
    const xml = Fs.readFileSync(report, "utf8")
    const cases = Array.from(
      xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)" time="[^"]*">(<failure|<error)?/g),
      ([, where, what, problem]) => ({ name: `${where} ${what}`, isFailed: problem !== undefined })
    )
    return {
      count: cases.length,
      skipped: Array.from(xml.matchAll(/ skipped="(\d+)"/g)).reduce((sum, [, count]) => sum + Number(count), 0),
      failed: cases.filter(({ isFailed }) => isFailed).map(({ name }) => name)
    }
  })

const served = (tls?: HttpTransport.TlsOptions) =>
  Effect.gen(function*() {
    const transport = yield* HttpTransport.make({ host: "127.0.0.1", tls })
    return Number(new URL(yield* transport.listen("orders", Exchanges.echo)).port)
  })

/** The port of a server that is Node's alone. */
const bare: Effect.Effect<number, never, Scope.Scope> = Effect.acquireRelease(
  Effect.callback<Http2.Http2Server>((resume) => {
    const server = Http2.createServer()
    server.on("stream", (stream: Http2.ServerHttp2Stream) => {
      stream.on("error", () => undefined)
      stream.respond({ ":status": 200 })
      stream.end("hello")
    })
    server.on("sessionError", () => undefined)
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
).pipe(Effect.map((server) => (server.address() as AddressInfo).port))

describe.skipIf(Programs.isMissing("h2spec"))("what h2spec finds", () => {
  it.live(
    `at a port, in the clear and under TLS, is what Node does not keep either${Programs.note("h2spec")}`,
    () =>
      Effect.gen(function*() {
        const [clear, safe, node] = yield* Effect.all([
          Effect.flatMap(served(), (port) => examine(port)),
          Effect.flatMap(served(local()), (port) => examine(port, "--tls", "--insecure")),
          Effect.flatMap(bare, (port) => examine(port))
        ], { concurrency: 3 })
        const beyond = ({ failed }: typeof node, ...more: ReadonlyArray<string>) =>
          failed.filter((name) => ![...ofNode, ofTiming, ...more].includes(name))
        assert.deepStrictEqual(beyond(node), [])
        assert.deepStrictEqual(beyond(clear, ofOnePort), [])
        assert.deepStrictEqual(beyond(safe, ofOnePort), [])
        for (const { count, skipped } of [clear, safe, node]) {
          assert.strictEqual(count, 145)
          assert.strictEqual(skipped, 1)
        }
      }),
    90_000
  )
})
