/** Watches of configuration files: what is watched, and who is told. */
import { type IssueList, nearest } from '../../../core/issues.ts'
import { parseDuration } from '../../../registry/api/duration.ts'
import { Failure } from '../../command.ts'
import { VIEWS, type View, type ViewFlags, viewOf } from '../watch/views.ts'
import { checkFields, type Fields, isObject } from './check.ts'
import type { Key, Keys, KeyType } from './keys.ts'

export interface ScriptHandler {
  readonly kind: 'script'
  readonly words: readonly string[]
  /** Let a shell read them. */
  readonly shell: boolean
}

export interface HttpHandler {
  readonly kind: 'http'
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly timeoutMs: number
  /** Take any certificate. */
  readonly anyCertificate: boolean
}

export interface WatchDefinition {
  readonly file: string
  /** Where in the file: `watches[0]`. */
  readonly place: string
  /** As written: what is written alike is the same watch. */
  readonly fields: Fields
  readonly view: View
  readonly handler: ScriptHandler | HttpHandler
}

const DEFAULT_TIMEOUT = '10s'
const HANDLER_TYPES = ['script', 'http']

const used = (type: KeyType): Key => ({ type })
const WATCH: Keys = {
  type: used('text'),
  key: used('text'),
  prefix: used('text'),
  service: used('text'),
  tag: used('texts'),
  passingonly: used('flag'),
  state: used('text'),
  name: used('text'),
  datacenter: used('text'),
  stale: used('flag'),
  token: used('text'),
  args: used('texts'),
  handler: used('text'),
  handler_type: used('text'),
  http_handler_config: used({
    path: used('text'),
    method: used('text'),
    header: used('object'),
    timeout: used('duration'),
    tls_skip_verify: used('flag'),
  }),
}

/** The watches of one file; a mistake in one is added to `issues`, what has no effect to `warnings`. */
export function watchesOf(
  { watches }: Fields,
  file: string,
  issues: IssueList,
  warnings: string[],
): readonly WatchDefinition[] {
  const written = Array.isArray(watches) ? watches.filter(isObject) : []
  return written.flatMap((fields, i) => {
    const place = `watches[${i}]`
    const before = issues.issues.length
    warnings.push(...checkFields(fields, issues, WATCH, `${place}.`))
    if (issues.issues.length > before) return []
    const [view, handler] = [readView(fields, place, issues), readHandler(fields, place, issues)]
    return view === undefined || handler === undefined ? [] : [{ file, place, fields, view, handler }]
  })
}

function readView(fields: Fields, place: string, issues: IssueList): View | undefined {
  try {
    const { tag, passingonly } = fields
    return viewOf({ ...(fields as Partial<ViewFlags>), tag: texts(tag), passing: passingonly === true })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    issues.add(place, error.message, `The types are ${Object.keys(VIEWS).join(', ')}.`)
    return undefined
  }
}

function readHandler(fields: Fields, place: string, issues: IssueList): ScriptHandler | HttpHandler | undefined {
  const { handler, handler_type: type = 'script', http_handler_config: http = {} } = fields
  const args = texts(fields['args']) ?? []
  if (type === 'http') return readHttp(http as Fields, `${place}.http_handler_config`, issues)
  const given = [...(handler === undefined ? [] : [String(handler)]), ...args]
  if (type !== 'script') {
    const near = nearest(String(type), HANDLER_TYPES)
    issues.add(`${place}.handler_type`, `${type} is none`, `Write ${near ?? HANDLER_TYPES.join(' or ')}.`)
  } else if (given.length === 0) issues.add(place, 'it has no handler', 'Write "args": ["./changed.sh"].')
  else if (handler !== undefined && args.length > 0) issues.add(place, 'it has handler and args', 'Write only args.')
  else return { kind: 'script', words: given, shell: handler !== undefined }
  return undefined
}

function readHttp(config: Fields, place: string, issues: IssueList): HttpHandler | undefined {
  const { path, method = 'POST', header = {}, timeout = DEFAULT_TIMEOUT, tls_skip_verify } = config
  const url = URL.parse(String(path ?? ''))
  if (url === null || !/^https?:$/.test(url.protocol)) {
    issues.add(`${place}.path`, `${path ?? 'it'} is no URL`, 'Write http://… or https://….')
    return undefined
  }
  const entries = Object.entries(header as Fields).map(([name, values]) => [name, [values].flat().map(String)])
  return {
    kind: 'http',
    url,
    method: String(method),
    headers: Object.fromEntries(entries),
    timeoutMs: parseDuration(String(timeout)),
    anyCertificate: tls_skip_verify === true,
  }
}

/** One text is a list of one. */
const texts = (value: unknown) => (value === undefined ? undefined : ([value].flat() as string[]))
