/**
 * Why no instance could be lent.
 */
import * as Schema from "effect/Schema"

/** Nobody answers for the service, or nobody that may be chosen. */
export class NoInstance extends Schema.TaggedError<NoInstance>("effect-micro/Selector/NoInstance")("NoInstance", {
  service: Schema.String,
  /** How many instances there are that were not eligible. */
  excluded: Schema.Number
}) {
  override get message(): string {
    return this.excluded === 0
      ? `No instance of ${this.service} is registered`
      : `No instance of ${this.service} is eligible; ${this.excluded} are registered`
  }
}

/** The registry failed, so nothing is known about the service. */
export class RegistryFailed extends Schema.TaggedError<RegistryFailed>("effect-micro/Selector/RegistryFailed")(
  "RegistryFailed",
  { service: Schema.String, cause: Schema.Defect() }
) {
  override get message(): string {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `The instances of ${this.service} are not known: ${why}`
  }
}

/** Why no instance could be lent. */
export class SelectorError extends Schema.TaggedError<SelectorError>("effect-micro/SelectorError")("SelectorError", {
  reason: Schema.Union([NoInstance, RegistryFailed])
}) {
  override get message(): string {
    return this.reason.message
  }
}
