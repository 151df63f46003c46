/** Certificates and keys that a config or a variable names: as PEM text, or a file of it. */
import { readFileSync } from 'node:fs'
import type { IssueList } from './issues.ts'

/** Empty where it cannot be read, and then `issues` says why under `key`. */
export function readPem(value: string, key: string, issues: IssueList): string {
  if (value.startsWith('-----BEGIN')) return value
  try {
    return readFileSync(value, 'utf8')
  } catch (error) {
    issues.add(key, `cannot be read: ${(error as Error).message}`, 'Name a PEM file that may be read.')
    return ''
  }
}

const PAIR = 'The key must be that of the certificate, both in PEM.'

/** What `use` throws becomes an issue. */
export function tryPem(use: () => unknown, key: string, issues: IssueList, fix = PAIR): void {
  try {
    use()
  } catch (error) {
    issues.add(key, `cannot be used: ${(error as Error).message}`, fix)
  }
}
