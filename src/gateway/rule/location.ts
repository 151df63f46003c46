/** Other places for a request: told to the client (redirect), or only to the upstream (rewrite). */
import { type Check, fields, isRecord, oneOf, type Report, text, wholeNumber } from '../check.ts'
import { checkPath } from '../route-syntax.ts'
import { isValidHost } from '../target.ts'

/** A new path, with parameters of the route: `/new/:id` stands for the whole, `prefix` for what the route's `/*` leaves out. */
export interface PathChange {
  readonly path?: string
  /** `/api/*` with prefix `/v2`: `/api/x` becomes `/v2/x`; with prefix `/` the `/api` is stripped. */
  readonly prefix?: string
}

export interface RewriteConfig extends PathChange {
  /** Host that the upstream gets. */
  readonly host?: string
}

/** What is not named stays as the client sent it; so does the query. */
export interface RedirectConfig extends PathChange {
  /** 301, 302, 303, 307 or 308; default 302. 307 and 308 keep method and body. */
  readonly status?: number
  readonly scheme?: 'http' | 'https'
  readonly host?: string
  /** Default: none where the scheme is named, else the client's. */
  readonly port?: number
}

const host = text('shop.example.com', (value) =>
  isValidHost(value) && !/:\d*$/.test(value.replace(/^\[.*\]/, '')) ? undefined : `"${value}" is not a host name`,
)

const newPath: Check = (value, report) => {
  const problem = typeof value === 'string' ? checkPath(value) : (['is not a path', 'Write it like "/new".'] as const)
  if (problem !== undefined) report(...problem)
  else if (String(value).endsWith('/*')) report(`"${value}" ends in *`, 'Write the path only, like "/new".')
}

const PATH_CHECKS = { path: newPath, prefix: newPath }

export const checkRewrite: Check = (value, report, context) => {
  fields({ ...PATH_CHECKS, host }, '{ prefix: "/" }')(value, report, context)
  refuseBoth(value, report)
}

export const checkRedirect: Check = (value, report, context) => {
  const checks = {
    ...PATH_CHECKS,
    status: oneOf([301, 302, 303, 307, 308]),
    scheme: oneOf(['http', 'https']),
    host,
    port: wholeNumber(1, 65_535),
  }
  fields(checks, '{ scheme: "https", status: 301 }')(value, report, context)
  refuseBoth(value, report)
}

function refuseBoth(value: unknown, report: Report): void {
  if (isRecord(value) && value['path'] !== undefined && value['prefix'] !== undefined) {
    report('stands beside path', 'Keep one of the two.', '.prefix')
  }
}

/** The path after the change. `segments` are those of the route. Made of checked and already parsed parts, so that it needs no parsing again. */
export function changedPath(
  { path, prefix }: PathChange,
  { segments }: { readonly segments: readonly string[] },
  params: Readonly<Record<string, string>>,
  current: string,
): string {
  const filled = (text: string) => text.replace(/(?<=\/):([^/]+)/g, (_, name: string) => params[name]!)
  if (path !== undefined) return filled(path)
  if (prefix === undefined) return current
  const rest = current.split('/').slice(1 + segments.length)
  const start = filled(prefix).replace(/\/$/, '')
  return rest.length === 0 ? start || '/' : `${start}/${rest.join('/')}`
}
