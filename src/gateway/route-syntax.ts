/** How a route's host and path may be written. Each check gives what is wrong and what to write instead. */
import { parseTarget } from './target.ts'

type Problem = readonly [message: string, fix: string]

const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/i

export function checkHost(host: string): Problem | undefined {
  if (host === '*') return ['"*" is not a host', 'Leave host out to match any.']
  if (host.includes('/')) return [`"${host}" is not a host name`, 'Write the name only, without scheme and path.']
  if (/:\d*$/.test(host) && !host.endsWith(']'))
    return [`"${host}" has a port`, 'Leave it out: routes ignore the port.']
  const name = host.startsWith('*.') ? host.slice(2) : host
  if (/^\[[0-9a-f:.]+\]$/i.test(host) || name.split('.').every((label) => LABEL.test(label))) return undefined
  return [`"${host}" is not a host name`, 'Write "shop.example.com", or "*.example.com" for all names below.']
}

export function checkPath(path: string): Problem | undefined {
  if (!path.startsWith('/')) return [`"${path}" does not start with /`, `Write "/${path}".`]
  const fixed = path.endsWith('/*') ? path.slice(0, -1) : path
  if (fixed.includes('*')) return [`"${path}" has a * that is no last segment`, 'Write a prefix as "/user/*".']
  if (/[?#]/.test(path)) return [`"${path}" has a query or fragment`, 'Write query conditions under "query".']
  const target = parseTarget(fixed, '')
  if ('reason' in target) return [`"${path}": ${target.message}`, 'No request with such a path is let in; correct it.']
  if (target.path !== fixed) return [`"${path}" is escaped in another way than requests are`, `Write "${target.path}".`]
  return checkParams(path)
}

function checkParams(path: string): Problem | undefined {
  const names = paramNames(path)
  const wrong = names.find((name) => !/^[A-Za-z_]\w*$/.test(name))
  if (wrong !== undefined) return [`"${path}": ":${wrong}" is not a parameter`, 'Name it by letters, digits and _.']
  if (new Set(names).size < names.length) return [`"${path}" names a parameter twice`, 'Give each a name of its own.']
  return undefined
}

/** The names of the path's parameters, in order. */
export function paramNames(path: string): string[] {
  return path
    .split('/')
    .filter(isParameter)
    .map((segment) => segment.slice(1))
}

/** Is this segment of a route's path a parameter, `:name`? */
export function isParameter(segment: string): boolean {
  return segment.startsWith(':')
}
