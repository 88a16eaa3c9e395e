import { faultSuite } from "./suite.ts"

faultSuite("micro")
