/** How many file descriptors this process may have, and what can be done with them. */
import { readFileSync } from 'node:fs'

/** For what a process needs beside its connections: files, pipes, watches of the registry, its own listeners. */
const RESERVED = 40

/**
 * How many connections of clients a server may hold when each needs `each` descriptors in all, so that the process never runs
 * out: it could not answer who looks after it then, nor open a file. Infinity where the system does not say (it is asked
 * by /proc, so everywhere but on Linux).
 */
export function affordableConnections(each: number): number {
  const limit = descriptorLimit()
  return limit === undefined ? Infinity : Math.max(8, Math.floor((limit - RESERVED) / each))
}

function descriptorLimit(): number | undefined {
  if (process.platform !== 'linux') return undefined
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return soft === undefined ? undefined : Number(soft)
}
