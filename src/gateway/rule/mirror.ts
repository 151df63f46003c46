/** Copies of a route's requests for another service: a new version tried on true traffic. */
import { fields, serviceName, wholeNumber } from '../check.ts'

export interface MirrorConfig {
  readonly to: string
  /** How many of a hundred requests are copied; default 100. */
  readonly percent?: number
}

export const checkMirror = fields({ to: serviceName, percent: wholeNumber(0, 100) }, '{ to: "users-next" }', ['to'])
