/**
 * What nobody but the gateway may know. A configuration lies in the registry's KV, in its history and on the admin port; so it
 * only says where a secret is found, on the gateway's own machine.
 */
import { readFileSync } from 'node:fs'
import type { IssueList } from '../core/issues.ts'
import { type Check, isRecord } from './check.ts'

/** An environment variable of the gateway, or a file that it may read (without the line end behind it). */
export type Secret = { readonly env: string } | { readonly file: string }

export const checkSecret: Check = (value, report) => {
  const keys = isRecord(value) ? Object.keys(value) : []
  const [key] = keys
  const isRight = keys.length === 1 && (key === 'env' || key === 'file')
  if (isRight && typeof (value as Record<string, unknown>)[key] === 'string' && Object.values(value!)[0] !== '') return
  const message = typeof value === 'string' ? 'stands in the configuration itself' : 'does not say where it is found'
  report(message, 'Write { env: "NAME_OF_A_VARIABLE" } or { file: "/run/secrets/name" }.')
}

/** The secret's text; undefined where it cannot be had, and then `issues` says why under `key`. It never says the text. */
export function readSecret(secret: Secret, key: string, issues: IssueList): string | undefined {
  const [place, text] = 'env' in secret ? fromEnvironment(secret.env) : fromFile(secret.file, key, issues)
  if (text === undefined) return undefined
  if (text !== '') return text
  issues.add(key, `${place} is empty or not there`, 'Set it where the gateway runs, and start or reload it again.')
  return undefined
}

function fromEnvironment(name: string): [string, string] {
  return [`the environment variable ${name}`, process.env[name] ?? '']
}

function fromFile(file: string, key: string, issues: IssueList): [string, string | undefined] {
  try {
    return [`the file ${file}`, readFileSync(file, 'utf8').replace(/\r?\n$/, '')]
  } catch (error) {
    issues.add(key, `cannot be read: ${(error as Error).message}`, 'Name a file that the gateway may read.')
    return ['', undefined]
  }
}
