import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import { transportSuite } from "./suites/transport.ts"

transportSuite("HttpTransport", HttpTransport.layer({ host: "127.0.0.1" }))
