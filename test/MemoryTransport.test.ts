import { MemoryTransportLive } from "../src/Layers/MemoryTransport.ts"
import { transportSuite } from "./suites/transport.ts"

transportSuite("MemoryTransport", MemoryTransportLive)
