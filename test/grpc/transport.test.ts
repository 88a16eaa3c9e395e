import { transportSuite } from "../suites/transport.ts"
import { overGrpc } from "./peers.ts"

transportSuite("gRPC", overGrpc({ host: "127.0.0.1" }))
