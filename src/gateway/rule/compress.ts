/** Which answers are compressed, and how. Pure. */
import { header, type RawHeaders } from '../../core/headers.ts'
import { directivesOf } from '../cache/directives.ts'
import { type Check, either, fields, listOf, matching, notEmpty, oneOf, wholeNumber } from '../check.ts'

/** In the gateway's own order of liking: what a client likes equally well is decided by it. */
export const CODINGS = ['br', 'zstd', 'gzip'] as const
export type Coding = (typeof CODINGS)[number]

export interface CompressConfig {
  /** Default all three, in this order: br, zstd, gzip. */
  readonly codings?: readonly Coding[]
  /** Media types: exact, or `text/*`. Default: texts, JSON, XML, JavaScript, SVG and the like; not event streams. */
  readonly types?: readonly string[]
  /** Smaller answers are not worth it; default 1024. */
  readonly minBytes?: number
}

export interface Compression {
  readonly codings: readonly Coding[]
  readonly minBytes: number
  isWorth(type: string): boolean
}

const MIN_BYTES = 1024
const DEFAULT_TYPE =
  /^(text\/(?!event-stream$)[\w.+-]+|application\/(json|javascript|xml|wasm|x-ndjson|ndjson|([\w.-]+\+)(json|xml))|image\/svg\+xml|font\/(ttf|otf))$/

const type = matching(/^[\w.+-]+\/([\w.+-]+|\*)$/, 'a media type', 'text/*')

export const checkCompress: Check = either(
  [true, false],
  fields(
    {
      codings: notEmpty(listOf(oneOf(CODINGS), '["gzip"]')),
      types: notEmpty(listOf(type, '["text/*", "application/json"]')),
      minBytes: wholeNumber(0),
    },
    '{ codings: ["gzip"] }',
  ),
)

export function compression(config: CompressConfig | boolean | undefined): Compression | undefined {
  if (!config) return undefined
  const { codings = CODINGS, types, minBytes = MIN_BYTES } = config === true ? {} : config
  const exact = new Set(types)
  const isListed = (one: string) => exact.has(one) || exact.has(`${one.split('/')[0]}/*`)
  return { codings, minBytes, isWorth: types === undefined ? (one) => DEFAULT_TYPE.test(one) : isListed }
}

/** May this answer be compressed, whoever asks? 206 has offsets into the plain form; `no-transform` means what it says. */
export function isCompressible({ isWorth, minBytes }: Compression, status: number, headers: RawHeaders): boolean {
  if (status < 200 || status > 299 || status === 204 || status === 206) return false
  const [media = ''] = (header(headers, 'content-type') ?? '').split(';', 1)
  if (!isWorth(media.trim().toLowerCase()) || header(headers, 'content-encoding') !== undefined) return false
  const length = header(headers, 'content-length')
  if (length !== undefined && Number(length) < minBytes) return false
  return !directivesOf(headers).has('no-transform')
}

/** The coding that the client likes best (RFC 9110 §12.5.3), of those that are offered; undefined = as it is, if it likes that better. */
export function codingFor(accepted: string | undefined, codings: readonly Coding[]): Coding | undefined {
  const weights = new Map<string, number>()
  for (const part of accepted?.split(',') ?? []) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const q = parameters.find((one) => one.startsWith('q='))
    const weight = q === undefined ? 1 : Number(q.slice(2))
    // An old name for the same (RFC 9110 §8.4.1.3).
    const coding = name === 'x-gzip' ? 'gzip' : name
    if (name !== '') weights.set(coding, Number.isFinite(weight) ? weight : 0)
  }
  const weightOf = (coding: string) => weights.get(coding) ?? weights.get('*') ?? 0
  // A stable sort: of equal ones the first offered stays first.
  const [best] = [...codings].sort((a, b) => weightOf(b) - weightOf(a))
  const plain = weights.get('identity') ?? 0
  return best !== undefined && weightOf(best) > 0 && weightOf(best) >= plain ? best : undefined
}
