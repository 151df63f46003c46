/** A disk that fails on demand under one program: `disk.c`, compiled here. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { needsProgram, type Skip } from '../../support/needs.ts'
import type { FaultContext } from './contract.ts'

export interface FailingDisk {
  /** What the program needs in its environment. */
  readonly env: NodeJS.ProcessEnv
  /** From the `nth` call on; it goes on until told otherwise. */
  fail(call: 'write' | 'sync', how: 'eio' | 'enospc' | 'short' | 'kill', nth?: number): void
  heal(): void
}

export const needsCompiler = (): Skip => {
  if (process.platform !== 'linux') return 'a failing disk is made by LD_PRELOAD, which is Linux only'
  return needsProgram('gcc') || needsProgram('ld', 'libc6-dev')
}

/** Files whose path contains `part` are on it. */
export function makeFailingDisk({ dir }: FaultContext, part: string): FailingDisk {
  const library = path.join(dir, 'disk.so')
  const source = path.join(import.meta.dirname, 'disk.c')
  const made = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-o', library, source, '-ldl'], {
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`gcc: ${made.stderr}`)
  const control = path.join(dir, 'disk.control')
  writeFileSync(control, '')
  return {
    env: { LD_PRELOAD: library, FAULT_PATH: part, FAULT_CONTROL: control },
    fail: (call, how, nth = 1) => writeFileSync(control, `${call} ${how} ${nth}`),
    heal: () => writeFileSync(control, ''),
  }
}
