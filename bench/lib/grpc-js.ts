/**
 * gRPC's own library for Node, with the protocol buffers that its users load from a `.proto`.
 */
import * as Grpc from "@grpc/grpc-js"
import protobuf from "protobufjs"
import * as Loops from "./loops.ts"
import { type Bytes, type Message, message, type Text } from "./workload.ts"

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Message { uint32 id = 1; string name = 2; }
  message Text { uint32 id = 1; string text = 2; }
  message Bytes { uint32 id = 1; bytes bytes = 2; }
  message Range { uint32 length = 1; }
`)

/** How messages of a type are written and read. */
const coder = <A>(name: string) => {
  const type = root.lookupType(name)
  return {
    write: (message: A): Buffer => Buffer.from(type.encode(message as object).finish()),
    read: (bytes: Buffer): A => type.decode(bytes) as unknown as A
  }
}

interface Range {
  readonly length: number
}

const messages = coder<Message>("Message")
const texts = coder<Text>("Text")
const blobs = coder<Bytes>("Bytes")
const ranges = coder<Range>("Range")

type Coder<A> = ReturnType<typeof coder<A>>

const method = <I, O>(
  name: string,
  input: Coder<I>,
  output: Coder<O>,
  requestStream = false,
  responseStream = false
): Grpc.MethodDefinition<I, O> => ({
  path: `/echo.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: input.write,
  requestDeserialize: input.read,
  responseSerialize: output.write,
  responseDeserialize: output.read
})

const echo = method("echo", messages, messages)
const text = method("text", texts, texts)
const bytes = method("bytes", blobs, blobs)
const range = method("range", ranges, messages, false, true)
const pong = method("pong", messages, messages, true, true)

/** Answers on a free port of the loopback interface. */
export const serve = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const server = new Grpc.Server(unlimited)
    server.addService({ echo, text, bytes, range, pong }, {
      echo: answer,
      text: answer,
      bytes: answer,
      range: (call: Grpc.ServerWritableStream<Range, Message>) => produce(call, 0),
      pong: (call: Grpc.ServerDuplexStream<Message, Message>) => {
        call.on("data", (body) => call.write(body))
        call.on("end", () => call.end())
      }
    })
    server.bindAsync("127.0.0.1:0", Grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`127.0.0.1:${port}`)
      else reject(error)
    })
  })

/** Calls the server of that address. */
export const connect = (address: string) => {
  const client = new Grpc.Client(address, Grpc.credentials.createInsecure(), unlimited)
  const unary = <A>({ path, requestSerialize, responseDeserialize }: Grpc.MethodDefinition<A, A>) => (body: A) =>
    new Promise<A>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, body, (error, reply) => {
        if (error === null) resolve(reply!)
        else reject(error)
      })
    })
  return Promise.resolve(Loops.client({
    echo: unary(echo),
    text: unary(text),
    bytes: unary(bytes),
    range: (length, received) =>
      new Promise((resolve, reject) => {
        const call = client.makeServerStreamRequest(range.path, ranges.write, messages.read, { length })
        call.on("data", () => received(1))
        call.on("end", resolve)
        call.on("error", reject)
      }),
    pong: (answered) => {
      const call = client.makeBidiStreamRequest(pong.path, messages.write, messages.read)
      call.on("data", answered)
      return (body) => void call.write(body)
    }
  }))
}

// ---------------------------------------------------------------------------------------------------------------------

/** The largest workload is over the library's own limit. */
const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 }

const answer: Grpc.handleUnaryCall<unknown, unknown> = ({ request }, reply) => reply(null, request)

const produce = (call: Grpc.ServerWritableStream<Range, Message>, from: number): void => {
  for (let n = from; n < call.request.length; n++) {
    if (!call.write(message(n))) return void call.once("drain", () => produce(call, n + 1))
  }
  call.end()
}
