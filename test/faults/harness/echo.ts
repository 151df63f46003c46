/**
 * The service of the stage: answers after `ms`, as it was told last by PUT /mode (JSON of `Mode`). GET and POST anywhere
 * else are work; POST bodies are remembered, so that a doubled one is seen.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { adaptHandler } from '../../../src/service/adapt/index.ts'

export interface Mode {
  /** How long an answer takes. */
  readonly ms?: number
  /** Drawn anew for each, exponentially about `ms`. */
  readonly drawn?: boolean
  /** So many percent of the answers take so much longer, ms. */
  readonly pauses?: { readonly percent: number; readonly ms: number }
  /** What it is; default 200. */
  readonly status?: number
  /** At most so many at a time; more wait in line. Default: no bound. */
  readonly width?: number
}

let mode: Mode = {
  ms: Number(process.env['ECHO_MS'] ?? 5),
  width: Number(process.env['ECHO_WIDTH'] ?? Infinity),
  drawn: process.env['ECHO_DRAWN'] === 'yes',
}
const BURN_MS = Number(process.env['ECHO_BURN_MS'] ?? 0)
let working = 0
const line: (() => void)[] = []
let served = 0
const bodies = new Map<string, number>()

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await textOf(request)
  if (request.url === '/mode') {
    mode = { ...mode, ...(JSON.parse(body) as Mode) }
    return void response.end('{}')
  }
  if (request.url === '/served') {
    const doubled = [...bodies.values()].filter((count) => count > 1).length
    return void response.end(JSON.stringify({ served, doubled, bodies: [...bodies.keys()] }))
  }
  served++
  if (request.method === 'POST') bodies.set(body, (bodies.get(body) ?? 0) + 1)
  await work()
  response.statusCode = mode.status ?? 200
  response.end(`{"from":"${process.env['SKEIN_INSTANCE']}"}`)
}

async function work(): Promise<void> {
  if (working >= (mode.width ?? Infinity)) await new Promise<void>((go) => line.push(go))
  working++
  burn()
  const ms = workMs(mode)
  if (ms !== 0) await new Promise((resolve) => setTimeout(resolve, ms))
  working--
  line.shift()?.()
}

function workMs({ ms = 0, drawn, pauses }: Mode): number {
  const paused = pauses !== undefined && Math.random() * 100 < pauses.percent ? pauses.ms : 0
  return paused + (drawn === true ? -Math.log(1 - Math.random()) * ms : ms)
}

/** Computes, so that nothing else runs meanwhile. */
function burn(): void {
  const until = performance.now() + BURN_MS
  while (BURN_MS > 0 && performance.now() < until);
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

export default adaptHandler('echo', (request, response) => void handle(request, response))
