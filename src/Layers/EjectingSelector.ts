/**
 * Leaves out instances that fail, for a while: a selector that needs a selector.
 *
 * Whoever fails five times in a row, or too often, or has nobody listening, takes no calls for some seconds. Then one call
 * tries it: if that goes well, it is back, and if not, it stays out twice as long. Never more than half of the instances are
 * out, nor more than a tenth (or one) for letting calls run out of time: when so many fail, the fault is elsewhere. That is
 * said, once a minute at most.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Ambient from "../internal/ambient.ts"
import * as Prompt from "../internal/prompt.ts"
import * as Gauges from "../internal/selection/gauges.ts"
import * as Loan from "../internal/selection/loan.ts"
import * as Ward from "../internal/selection/ward.ts"
import { now } from "../internal/wheel.ts"
import type { Instance } from "../Registry.ts"
import { type SelectOptions, Selector, type SelectorError, type SelectorState, type Standing } from "../Selector.ts"

/** When an instance is left out, and for how long. */
export interface Options {
  /** Out after so many failures in a row. Default 5. */
  readonly consecutive?: number | undefined
  /** Out with a smaller part of successes among about the last ten seconds' calls, if they are five or more. Default 0.8. */
  readonly success?: number | undefined
  /** How long the first time, of which half is by lot; each further time takes twice as long. Default 5 seconds. */
  readonly base?: Duration.Input | undefined
  /** How long at most, and how long a trial may take before another one. Default 60 seconds. */
  readonly longest?: Duration.Input | undefined
}

/** Leaves out who fails. */
export const make = (options?: Options): Effect.Effect<Selector["Service"], never, Selector | Scope.Scope> =>
  Effect.gen(function*() {
    const selector = yield* Selector
    const context = yield* Effect.context<never>()
    const gauges: Array<() => void> = []
    yield* Effect.addFinalizer(() => Effect.sync(() => gauges.forEach((remove) => remove())))
    const rules: Ward.Rules = {
      consecutive: options?.consecutive ?? 5,
      success: options?.success ?? 0.8,
      base: Duration.toMillis(options?.base ?? "5 seconds"),
      longest: Duration.toMillis(options?.longest ?? "60 seconds")
    }
    const wards = new Map<string, Ward.Ward>()
    const open = (service: string): Ward.Ward => {
      const ward = Ward.make()
      wards.set(service, ward)
      gauges.push(...Gauges.register(service, context, {
        "rpc.client.instances.ejected": ["Instances that are left out", () => ward.out.size],
        "rpc.client.instances.spared": ["Instances that fail, and stay because enough are out", () => ward.spared.size]
      }))
      return ward
    }
    return Selector.of({
      select: (service, lease, options) =>
        Prompt.make((fiber) => {
          const { addresses, clock } = Ambient.of(fiber)
          // They were named, and not chosen.
          if (addresses !== undefined) {
            return Prompt.run(selector.select(service, lease, options), fiber)
          }
          const ward = wards.get(service) ?? open(service)
          const choice = { selector, service, ward, rules, lease, options, fiber, clock }
          return Ward.isDue(ward) ? Effect.flatMap(judge(choice), () => choose(choice)) : choose(choice)
        }),
      watch: (service, options) =>
        Stream.mapEffect(
          selector.watch(service, options),
          (state) => Effect.clockWith((clock) => Effect.succeed(overlaid(state, wards.get(service), now(clock))))
        )
    })
  })

/**
 * Leaves out who fails, whatever selector picks among the others.
 *
 * **Details**
 *
 * A failure is what a lease closes with; other exits, an interruption among them, are successes. Where nobody else is left
 * those that are out take calls again, and come back with the first that succeeds.
 *
 * **Example** (Peak EWMA, without those that fail)
 *
 * ```ts
 * import * as EjectingSelector from "effect-micro/Layers/EjectingSelector"
 * import * as Micro from "effect-micro/Layers/Micro"
 * import { PeakEwmaSelectorLive } from "effect-micro/Layers/PeakEwmaSelector"
 * import * as Layer from "effect/Layer"
 *
 * export const Production = Micro.layer({
 *   selector: EjectingSelector.layer({ consecutive: 3 }).pipe(Layer.provide(PeakEwmaSelectorLive))
 * })
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Selector, never, Selector> =>
  Layer.effect(Selector, make(options))

/** Leaves out who fails. */
export const EjectingSelectorLive: Layer.Layer<Selector, never, Selector> = layer()

// ---------------------------------------------------------------------------------------------------------------------

interface Choice {
  readonly selector: Selector["Service"]
  readonly service: string
  readonly ward: Ward.Ward
  readonly rules: Ward.Rules
  readonly lease: Scope.Scope
  readonly options: SelectOptions | undefined
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly clock: Clock.Clock
}

/** The same state, with who is out. */
const overlaid = (state: SelectorState, ward: Ward.Ward | undefined, time: number): SelectorState => {
  if (ward === undefined) return state
  const instances = state.instances.map((standing): Standing => {
    const { failures, ejectedFor } = Ward.standing(ward, standing.instance.id, time)
    return { ...standing, failures, ejectedFor }
  })
  return { ...state, instances, isPanicking: ward.spared.size > 0 }
}

type Selected = Effect.Effect<Instance, SelectorError>

const choose = (choice: Choice): Selected => {
  const { clock, lease, options, selector, service, ward } = choice
  if (ward.out.size === 0) {
    return lent(choice, selector.select(service, lease, options))
  }
  const id = Ward.onTrial(ward, now(clock))
  return id === undefined || options?.avoid?.has(id) === true ? among(choice) : trial(choice, id)
}

/** Someone who is not out, if there is anyone. */
const among = (choice: Choice): Selected => {
  const { lease, options, selector, service, ward: { out } } = choice
  const avoid = options?.avoid
  const narrowed = { ...options, avoid: avoid === undefined || avoid.size === 0 ? out : new Set([...out, ...avoid]) }
  return lent(choice, selector.select(service, lease, narrowed))
}

/** Learns how the call goes to whom the other selector lends; within this step, where it does so at once. */
const lent = (choice: Choice, selected: Selected): Selected => {
  const begun = Prompt.run(selected, choice.fiber)
  const instance = Prompt.value(begun)
  if (instance === undefined) return Effect.map(begun, (instance) => lend(choice, instance, false))
  lend(choice, instance, false)
  return begun
}

/** Someone who was out, if it is eligible for this call. */
const trial = (choice: Choice, id: string): Selected => {
  const { lease, options, selector, service, ward } = choice
  const asked = options?.keep
  const keep = (instance: Instance): boolean => instance.id === id && (asked === undefined || asked(instance))
  return Effect.matchEffect(selector.select(service, lease, { ...options, keep }), {
    onSuccess: (instance) => Effect.succeed(lend(choice, instance, true)),
    onFailure: () => {
      if (asked === undefined) Ward.forget(ward, id)
      return among(choice)
    }
  })
}

/** Lends an instance, and learns how the call went. */
const lend = ({ clock, fiber, lease, rules, ward }: Choice, instance: Instance, isTrial: boolean): Instance => {
  const { id } = instance
  const wasOut = ward.out.has(id)
  const isOpen = Loan.onEnd(lease, clock, (exit, time) => {
    if (!wasOut) {
      // Where it is out by now, others have said the same before.
      if (!ward.out.has(id)) Ward.note(ward, id, exit, time, rules)
    } else if (exit._tag === "Success") Ward.takeBack(ward, id, time)
    else if (isTrial) Ward.extend(ward, id, time, lot(fiber), rules)
  })
  if (isTrial && isOpen) Ward.tried(ward, id, now(clock), rules)
  return instance
}

const lot = (fiber: Fiber.Fiber<unknown, unknown>): number => fiber.getRef(Random.Random).nextDoubleUnsafe()

/** Puts out those that should be, before the next choice: who is present, a choice that takes nobody has looked at. */
const judge = ({ fiber, lease, rules, selector, service, ward }: Choice): Effect.Effect<void> => {
  const present = new Set<string>()
  const keep = ({ id }: Instance): boolean => {
    present.add(id)
    return false
  }
  return Effect.flatMap(Effect.ignore(selector.select(service, lease, { keep })), () => {
    const spared = Ward.judge(ward, present, () => lot(fiber), rules)
    // Where there is but one, to keep it is no decision: the calls themselves say that it fails.
    if (spared === undefined || present.size === 1) return Effect.void
    const facts = { service, out: ward.out.size, of: present.size }
    return Effect.annotateLogs(Effect.logWarning(`${spared} fails, and stays: enough instances are out`), facts)
  })
}
