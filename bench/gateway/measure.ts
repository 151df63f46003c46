/** One round of one case on one running peer. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Sample } from '../harness/contract.ts'
import { h2load, type Loaded, wrk } from '../harness/load.ts'
import { cpuMicroseconds, type Running } from '../harness/process.ts'
import type { Setting } from '../peer/contract.ts'
import type { GatewayCase } from './cases.ts'
import { measureIdle } from './idle.ts'

export interface Stand {
  readonly running: Running
  readonly setting: Setting
}

export async function measure(one: GatewayCase, { running, setting }: Stand, seconds: number): Promise<Sample> {
  const { method } = one
  if (method.tool === 'idle') return measureIdle(running.pid, setting.port, method.path, method.connections)
  const before = cpuMicroseconds(running.pid)
  const { requests, ...sample } = await load(one, setting, seconds)
  const { errors = 0 } = sample
  if (errors * 2 >= requests) throw new Error(`${errors} of ${requests} failed; it printed: ${running.output()}`)
  return { cpuUsPerRequest: (cpuMicroseconds(running.pid) - before) / requests, ...sample }
}

/** The share of a run at a fixed rate in which connections are still being opened. */
const OPENING = 0.3

function load({ front, method }: GatewayCase, { dir, port }: Setting, seconds: number): Promise<Loaded> {
  const url = `${front === 'tls' ? 'https' : 'http'}://127.0.0.1:${port}${method.path}`
  switch (method.tool) {
    case 'wrk': {
      const script = method.post === undefined ? undefined : writeScript(dir, method.post)
      return wrk({ url, connections: method.connections, headers: method.headers, seconds, script })
    }
    case 'h2load':
      return h2load(['-c1', `-m${method.streams}`, `-D${seconds}`, url], dir)
    case 'fixed-rate': {
      const { connections, perSecond } = method
      // All clients tick from their own beginning: opened one after the other they do not tick in step.
      const opening = ['-r', `${connections / 100}`, '--rate-period=10ms']
      const rate = ['--h1', `-c${connections}`, `-n${perSecond * seconds}`, `--rps=${perSecond / connections}`]
      return h2load([...rate, ...opening, url], dir, OPENING)
    }
    case 'idle':
      throw new Error('has no load')
  }
}

function writeScript(dir: string, bytes: number): string {
  const file = path.join(dir, 'post.lua')
  const type = 'wrk.headers["Content-Type"] = "application/json"'
  writeFileSync(file, `wrk.method = "POST"\nwrk.body = string.rep("x", ${bytes})\n${type}\n`)
  return file
}
