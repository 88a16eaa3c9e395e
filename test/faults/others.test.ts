import { faultSuite } from "./suite.ts"

faultSuite("http")
faultSuite("micros")
