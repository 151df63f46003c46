/** JSON from outside: bounded in depth, and without the keys by which one value reaches into the prototypes of others. */
import { SkeinError } from '../core/errors.ts'

const DEPTH_MAX = 64
const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor'])
/** Cheap sign that a forbidden key may be there, written plainly or with escapes. */
const SUSPECT = /__proto__|constructor|\\u/

/** @throws SkeinError BAD_REQUEST */
export function parseJson(text: string): unknown {
  checkDepth(text)
  const value = parse(text)
  if (SUSPECT.test(text)) checkKeys(value)
  return value
}

/** Counts brackets outside strings before parsing: a parser may need stack for each level. */
function checkDepth(text: string): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === 92 /* \ */) i++
      else if (code === 34 /* " */) inString = false
    } else if (code === 34) inString = true
    else if (code === 91 /* [ */ || code === 123 /* { */) {
      if (++depth > DEPTH_MAX) throw new SkeinError('BAD_REQUEST', `JSON is nested deeper than ${DEPTH_MAX} levels`)
    } else if (code === 93 || code === 125) depth--
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SkeinError('BAD_REQUEST', 'the body is not JSON', { reason: (cause as Error).message }, cause)
  }
}

function checkKeys(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const key of Object.keys(value)) {
    if (!Array.isArray(value)) checkKey(key)
    checkKeys((value as Record<string, unknown>)[key])
  }
}

/** @throws SkeinError BAD_REQUEST for a field name that is refused everywhere. */
export function checkKey(key: string): void {
  if (FORBIDDEN.has(key)) throw new SkeinError('BAD_REQUEST', `a field may not be called ${key}`)
}
