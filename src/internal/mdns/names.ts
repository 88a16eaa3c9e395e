/**
 * The DNS names of services and instances, as Go Micro forms them.
 *
 * Service and id go in unescaped, so that a dot in one of them makes a label more. Names are compared byte for byte.
 */

/** The service whose instances are the names of services. */
export const listing = "_services"

/** The name that browses a service. */
export const ofService = (service: string, domain: string): string => `${service}.${domain}`

/** The name of one instance. */
export const ofInstance = (id: string, service: string, domain: string): string => `${id}.${service}.${domain}`

/** The name that browses the names of services by the rules of DNS-SD. */
export const ofMeta = (domain: string): string => `_services._dns-sd._udp.${domain}`

/** The name without the domain, or nothing where it is of another domain. */
export const within = (name: string, domain: string): string | undefined =>
  name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : undefined

/** The id in an instance's name without domain, if it is an instance of the service. */
export const idOf = (name: string, service: string): string | undefined =>
  name.length > service.length + 1 && name.endsWith(`.${service}`) ? name.slice(0, -service.length - 1) : undefined

/** What keeps a name from being written in DNS: labels of 1 to 63 bytes, 255 bytes with their lengths and the end. */
export const problemOf = (name: string): string | undefined => {
  const lengths = name.split(".").map((label) => Buffer.byteLength(label))
  if (lengths.includes(0)) return `"${name}" has an empty label, which no DNS name may have`
  const long = lengths.find((length) => length > 63)
  if (long !== undefined) return `"${name}" has a label of ${long} bytes; DNS allows 63 between two dots`
  const whole = lengths.reduce((sum, length) => sum + length + 1, 1)
  return whole > 255 ? `"${name}" takes ${whole} bytes; DNS allows 255` : undefined
}
