/**
 * What this process has registered.
 */
import type { Instance } from "../../../Registry.ts"

/** Its identity tells one registration from another of the same id, so that the older cannot remove the newer. */
export interface Registration {
  readonly instance: Instance
}

export interface Announcements {
  readonly put: (registration: Registration) => void
  /** Whether it was still there. */
  readonly remove: (registration: Registration) => boolean
  readonly of: (service: string) => ReadonlyArray<Instance>
}

export const make = (): Announcements => {
  const byService = new Map<string, Map<string, Registration>>()
  return {
    put: (registration) => {
      const { id, service } = registration.instance
      byService.set(service, (byService.get(service) ?? new Map<string, Registration>()).set(id, registration))
    },
    remove: (registration) => {
      const { id, service } = registration.instance
      const registrations = byService.get(service)
      if (registrations?.get(id) !== registration) return false
      registrations.delete(id)
      if (registrations.size === 0) byService.delete(service)
      return true
    },
    of: (service) => Array.from(byService.get(service)?.values() ?? [], ({ instance }) => instance)
  }
}
