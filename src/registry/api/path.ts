/** Request targets: split, decoded once, cleaned. */
import { Refusal } from '../state/refusal.ts'

export interface Target {
  /** Percent-decoded. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
}

/**
 * @throws Refusal 400: a bad escape, bytes that are no UTF-8 (two different keys would become one), a control character
 * (without a text, as Consul).
 */
export function parseTarget(url: string): Target {
  const mark = url.indexOf('?')
  const raw = mark < 0 ? url : url.slice(0, mark)
  const path = raw.includes('%') ? decode(raw) : raw
  if (/[\u0000-\u001f\u007f]/.test(path)) throw new Refusal(400, '')
  return { path, query: mark < 0 ? '' : url.slice(mark + 1) }
}

function decode(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    throw new Refusal(400, '400 Bad Request')
  }
}

/** The path without empty and dot segments, or undefined when it is clean already. Go's mux redirects to it. */
export function cleanPath(path: string): string | undefined {
  if (!/\/\/|\/\.{1,2}(\/|$)/.test(path)) return undefined
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  const tail = path.endsWith('/') && kept.length > 0 ? '/' : ''
  return `/${kept.join('/')}${tail}`
}

/** For a Location header. */
export function encodePath(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23')
}
