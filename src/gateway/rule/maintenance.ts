/** A route that is closed for a while. */
import { addressSet, checkRange } from '../address.ts'
import { type Check, either, fields, listOf, text, wholeNumber } from '../check.ts'

export interface MaintenanceConfig {
  /** HTML for browsers; programs get the usual error as JSON. Default: a plain page that says so. */
  readonly page?: string
  /** What Retry-After says; default 60. */
  readonly retryAfterSeconds?: number
  /** Addresses and ranges that are served as ever. */
  readonly except?: readonly string[]
}

export interface Maintenance {
  readonly page: string
  readonly retryAfterSeconds: number
  excepts(ip: string): boolean
}

const PAGE = `<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Maintenance</title>
<body style="font:1.1em system-ui;display:grid;place-content:center;min-height:90vh">
<h1>Back soon</h1><p>This is being worked on. Please try again in a moment.</p>
`

export const checkMaintenance: Check = either(
  [true, false],
  fields(
    {
      page: text('<h1>Back at noon</h1>'),
      retryAfterSeconds: wholeNumber(1, 604_800),
      except: listOf(text('10.0.0.0/8', checkRange), '["10.0.0.0/8"]'),
    },
    '{ page: "<h1>Back at noon</h1>" }',
  ),
)

export function maintenance(config: MaintenanceConfig | boolean | undefined): Maintenance | undefined {
  if (!config) return undefined
  const { page = PAGE, retryAfterSeconds = 60, except = [] } = config === true ? {} : config
  return { page, retryAfterSeconds, excepts: addressSet(except) }
}
