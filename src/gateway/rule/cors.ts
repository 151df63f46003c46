/** Which pages of other origins may read a route's answers (the CORS protocol of the Fetch standard). */
import { type Check, either, fields, isRecord, listOf, matching, oneOf, wholeNumber, yesOrNo } from '../check.ts'
import { METHODS } from '../head.ts'

export interface CorsConfig {
  /** `https://shop.example.com`, `https://*.example.com` (any name below), or `"*"` alone for all. */
  readonly origins: '*' | readonly string[]
  /** Beyond GET, HEAD and POST, which need no leave; default all that the gateway passes on. */
  readonly methods?: readonly string[]
  /** Request fields that pages may send; default whichever they ask for. */
  readonly headers?: readonly string[]
  /** Answer fields that pages may read beside the few harmless ones. */
  readonly expose?: readonly string[]
  /** May pages send cookies and credentials? Not with origins `"*"`. Default false. */
  readonly credentials?: boolean
  /** How long a browser may keep the answer to a preflight; default 600. */
  readonly maxAgeSeconds?: number
}

export interface Cors {
  readonly config: CorsConfig
  /** What may stand in Access-Control-Allow-Origin for this origin; undefined = nothing. */
  allowed(origin: string): string | undefined
}

const EXAMPLE = '{ origins: ["https://shop.example.com"] }'
const NAME = /^[\w!#$%&'*+.^`|~-]+$/
const names = listOf(matching(NAME, 'a header name', 'x-token'), '["x-token"]')
const origin = matching(
  /^[a-z][a-z0-9+.-]*:\/\/(\*\.)?([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?$/,
  'an origin (lower case, without path)',
  'https://shop.example.com',
)

const checkFields = fields(
  {
    origins: either(['*'], listOf(origin, '["https://shop.example.com"]')),
    methods: listOf(oneOf([...METHODS]), '["PUT", "DELETE"]'),
    headers: names,
    expose: names,
    credentials: yesOrNo,
    maxAgeSeconds: wholeNumber(0, 86_400),
  },
  EXAMPLE,
  ['origins'],
)

export const checkCors: Check = either([false], (value, report, context) => {
  checkFields(value, report, context)
  if (isRecord(value) && value['origins'] === '*' && value['credentials'] === true) {
    report('would let every page act for its visitor', 'List the origins that may send credentials.', '.credentials')
  }
})

export function cors(config: CorsConfig | false | undefined): Cors | undefined {
  if (!config) return undefined
  const { origins } = config
  if (origins === '*') return { config, allowed: () => '*' }
  const exact = new Set(origins.filter((one) => !one.includes('*')))
  const wild = origins.filter((one) => one.includes('*')).map((one) => one.split('*') as [string, string])
  const isBelow = (asked: string, [scheme, domain]: [string, string]) =>
    asked.startsWith(scheme) && asked.endsWith(domain) && asked.length > scheme.length + domain.length
  return {
    config,
    allowed: (asked) => (exact.has(asked) || wild.some((one) => isBelow(asked, one)) ? asked : undefined),
  }
}
