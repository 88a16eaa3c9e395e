/**
 * The HTTP interface of a server that keeps a registry.
 *
 * Each request has a time and each answer a size that it may take: a server that says nothing, or does not stop, fails like
 * one that is away.
 */
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Socket } from "node:net"
import { RegistryError, RegistryUnavailable } from "../../Registry.ts"
import type * as Tls from "../tls/options.ts"

/** An answer, whatever its status. */
export interface Reply {
  readonly status: number
  readonly headers: Headers.Headers
  readonly body: string
}

/** The HTTP interface of a server that keeps a registry. */
export interface Api {
  /** What the registry is called: `Consul`. */
  readonly registry: string
  /** Sends a request and reads the whole answer, within so many milliseconds. */
  readonly send: (
    request: HttpClientRequest.HttpClientRequest,
    within: number
  ) => Effect.Effect<Reply, RegistryError>
  /** Sends a request and reads its answer line by line, for as long as it lasts; fails where its status is not 200. */
  readonly lines: (request: HttpClientRequest.HttpClientRequest) => Stream.Stream<string, RegistryError>
}

/** Where the server is, and what every request says. */
export interface Options {
  readonly registry: string
  /** `http://127.0.0.1:8500`, or the file of a socket: `unix:///run/consul.sock`. Of several, one after the other fails. */
  readonly address: string | ReadonlyArray<string>
  readonly tls?: Tls.Options | undefined
  /** Asked before each request, since what is secret may be replaced while the process runs. */
  readonly headers?: Effect.Effect<Readonly<Record<string, string>>, RegistryError> | undefined
}

/** Bytes of an answer, or of a line of one: some ten thousand instances. */
const longest = 32 * 1024 * 1024

/** How many requests are under way at once. Consul takes 200 connections from one address. */
const mostConnections = 160

/** Why a registry could not be asked. */
export const unavailable = (registry: string, problem: string, cause?: unknown): RegistryError =>
  new RegistryError({
    reason: new RegistryUnavailable({ registry, problem, ...(cause === undefined ? {} : { cause }) })
  })

/** An answer that is not what was asked for. */
export const refusal = (registry: string, what: string, { body, status }: Reply): RegistryError =>
  unavailable(registry, `${what} was answered with ${status}${body === "" ? "" : `: ${body.trim().slice(0, 200)}`}`)

/** Opens the interface until the scope closes; nobody is asked yet. */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Api, RegistryError, Scope.Scope> {
  const { headers = Effect.succeed({}), registry } = options
  const [first = "", ...others] = [options.address].flat()
  const addresses = [first, ...others]
  let turn = 0
  const { Dispatcher, makeDispatcherOptions, makeUndici } = yield* Effect.promise(() =>
    import("@effect/platform-node/NodeHttpClient")
  )
  const dispatcher = yield* makeDispatcherOptions({
    connections: mostConnections,
    ...yield* dialling(options, addresses)
  })
  const client = yield* Effect.provideService(makeUndici, Dispatcher, dispatcher)
  const failed = (address: string, problem: string, cause?: unknown) => {
    // Unless another request has gone on to the next one already.
    if (addresses[turn] === address) turn = (turn + 1) % addresses.length
    return unavailable(registry, `${address} ${problem}`, cause)
  }
  const execute = (request: HttpClientRequest.HttpClientRequest, address: string) =>
    Effect.flatMap(headers, (secrets) =>
      request.pipe(
        HttpClientRequest.prependUrl(originOf(address)),
        HttpClientRequest.setHeaders(secrets),
        client.execute,
        Effect.mapError((cause) => failed(address, "was not reached", cause))
      )).pipe(Effect.provideService(HttpClient.TracerDisabledWhen, () => true))
  const broken = (address: string) => (cause: unknown) => failed(address, "broke off its answer", cause)
  const asking = <A>(ask: (address: string) => A): A => ask(addresses[turn] ?? first)
  return {
    registry,
    send: (request, within) =>
      Effect.suspend(() =>
        asking((address) =>
          execute(request, address).pipe(
            Effect.flatMap((response) => whole(response, broken(address))),
            Effect.timeoutOrElse({
              duration: within,
              orElse: () => Effect.fail(failed(address, `did not answer within ${within} ms`))
            })
          )
        )
      ),
    lines: (request) =>
      Stream.suspend(() =>
        asking((address) =>
          Stream.unwrap(Effect.flatMap(execute(request, address), (response) =>
            response.status === 200
              ? Effect.succeed(split(response, broken(address)))
              : Effect.flatMap(whole(response, broken(address)), (reply) =>
                Effect.fail(refusal(registry, "a watch", reply)))))
        )
      )
  }
})

// ---------------------------------------------------------------------------------------------------------------------

const isFile = (address: string): boolean => address.startsWith("unix:")

const originOf = (address: string): string => isFile(address) ? "http://localhost" : address.replace(/\/+$/, "")

/** How connections are made: as Node does, through a file, or with TLS of our own, which reads certificates again. */
const dialling = Effect.fnUntraced(function*({ registry, tls }: Options, addresses: ReadonlyArray<string>) {
  const [first = ""] = addresses
  if (addresses.length === 1 && isFile(first)) return { connect: { socketPath: first.replace(/^unix:(\/\/)?/, "") } }
  const wrong = addresses.find((address) => !URL.canParse(address) || !/^https?:/.test(address))
  if (wrong !== undefined) return yield* Effect.fail(unavailable(registry, `${wrong} is no address of an HTTP server`))
  if (tls === undefined) return {}
  const { make: secured } = yield* Effect.promise(() => import("../tls/secure.ts"))
  const { connect } = yield* secured(tls).pipe(
    Effect.mapError((cause) => unavailable(registry, "its certificates cannot be used", cause))
  )
  return {
    connect: (
      { hostname, port }: { readonly hostname: string; readonly port: string },
      settle: (...outcome: [Error, null] | [null, Socket]) => void
    ): void => {
      connect(hostname.replace(/^\[|\]$/g, ""), Number(port || 443), "http/1.1", (outcome) => {
        if (outcome instanceof Error) settle(outcome, null)
        else settle(null, outcome)
      })
    }
  }
})

const whole = Effect.fnUntraced(function*(
  response: HttpClientResponse.HttpClientResponse,
  broken: (cause: unknown) => RegistryError
) {
  const decoder = new TextDecoder()
  let size = 0
  let body = ""
  yield* Stream.runForEach(response.stream, (chunk) => {
    size += chunk.length
    if (size > longest) return Effect.fail(new Error(`it has more than ${longest} bytes`))
    body += decoder.decode(chunk, { stream: true })
    return Effect.void
  }).pipe(
    // A stream of nothing is an answer without a body.
    Effect.catchIf((cause) => "reason" in cause && cause.reason._tag === "EmptyBodyError", () => Effect.void),
    Effect.mapError(broken)
  )
  return { status: response.status, headers: response.headers, body: body + decoder.decode() }
})

const split = (
  response: HttpClientResponse.HttpClientResponse,
  broken: (cause: unknown) => RegistryError
): Stream.Stream<string, RegistryError> =>
  Stream.suspend(() => {
    const decoder = new TextDecoder()
    let rest = ""
    return response.stream.pipe(
      Stream.mapError(broken),
      Stream.mapEffect((chunk) => {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
        rest = lines.pop() ?? ""
        return rest.length > longest
          ? Effect.fail(broken(new Error(`a line has more than ${longest} characters`)))
          : Effect.succeed(lines.filter((line) => line !== ""))
      }),
      Stream.flattenIterable
    )
  })
