/** The addresses of one registry as users write them: URLs, separated by commas, without a path. */
import { ConfigError, type Issue } from '../core/issues.ts'

const EXAMPLE = 'http://10.0.0.5:8500,http://10.0.0.6:8500'

/** Each once, as origins. @throws ConfigError naming every one that is none. */
export function readAddresses(text: string): string[] {
  const issues = checkAddresses(text).map((message): Issue => ({ ...PLACE, message }))
  if (issues.length > 0) throw new ConfigError(issues)
  return [...new Set(parts(text).map((part) => new URL(part).origin))]
}

const PLACE = { file: 'registry', key: 'address', fix: `Write ${EXAMPLE}.` } as const

/** What is wrong with the list; empty when nothing is. */
export function checkAddresses(text: string): string[] {
  const found = parts(text)
  if (found.length === 0) return ['no address is given']
  return found.filter((part) => !isAddress(part)).map((part) => `'${part}' is not a URL`)
}

function parts(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** `new URL` alone would take `http:host`, and a path would be lost without a word. */
function isAddress(part: string): boolean {
  return /^https?:\/\/[^/]/.test(part) && ['', '/'].includes(URL.parse(part)?.pathname ?? 'none')
}
