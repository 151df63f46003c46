/** DATA of a command line: the text itself, `@file`, or `-` for standard input. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Failure } from '../command.ts'
import type { ConsulSurroundings } from './contract.ts'

/** @throws Failure naming the file that cannot be read. */
export async function readData(text: string, { cwd, stdin }: ConsulSurroundings): Promise<Uint8Array> {
  if (text === '-') return Buffer.concat(await Array.fromAsync(stdin))
  if (!text.startsWith('@')) return Buffer.from(text)
  const file = path.resolve(cwd, text.slice(1))
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Failure(`Error! Failed to read file: ${error instanceof Error ? error.message : error}`)
  }
}
