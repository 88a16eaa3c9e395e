import { faultSuite } from "./suite.ts"

faultSuite("grpc")
