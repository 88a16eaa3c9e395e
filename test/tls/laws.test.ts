import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { overGrpc } from "../grpc/peers.ts"
import { transportSuite } from "../suites/transport.ts"
import { local } from "./certificates.ts"

transportSuite("HttpTransport under TLS", HttpTransport.layer({ host: "127.0.0.1", tls: local() }))

transportSuite(
  "HttpTransport under mutual TLS",
  HttpTransport.layer({ host: "127.0.0.1", tls: { ...local(), mutual: true, minVersion: "TLSv1.3" } })
)

transportSuite("gRPC under mutual TLS", overGrpc({ host: "127.0.0.1", tls: { ...local(), mutual: true } }))
