/**
 * An upstream breaks in every way, again and again, with nobody else to ask: refused, black hole, silence, resets and ends
 * before, inside and behind head and body, garbage, endless heads, bodies too long. A truncated body may not pass for a whole
 * one, no call may hang, no dirty connection may carry another request, and whoever looks must find the reason.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { freePort } from '../../src/core/free-port.ts'
import { eventually } from '../support/up.ts'
import { BREAKS, type Break, type BrokenUpstream, breakAnswers, WHOLE_HEADER } from './harness/broken-upstream.ts'
import type { Fault, FaultContext, Row } from './harness/contract.ts'
import { type Edge, startEdge } from './harness/edge.ts'

const AT_ONCE = 16
/** Of a call in all; a gateway that needs longer than this and a little is hanging. */
const TIMEOUT_MS = 1000
const HUNG_MS = 10_000

/** Beside the breaks of an answer: nobody there, and somebody who never accepts. */
const WAYS: Readonly<Record<string, Pick<Break, 'may' | 'slow'>>> = {
  ...BREAKS,
  refused: { may: ['error'] },
  'black-hole': { may: ['error'], slow: true },
}

export default {
  name: 'gateway-upstream-faults',
  what: `one upstream, broken in ${Object.keys(WAYS).length} ways: refused, black hole, resets, early ends, garbage, endless heads`,
  ci: true,
  limitMs: { ci: 120_000, normal: 600_000 },
  async run(context) {
    const { pick, after } = context
    const upstream = await breakAnswers()
    after(() => upstream.close())
    const ports = Object.fromEntries(Object.keys(BREAKS).map((name) => [name, upstream.port]))
    const edge = await startEdge(
      context,
      { ...ports, refused: await freePort(), 'black-hole': await blackHole(context) },
      Object.keys(WAYS).map((name) => ({ name, path: `/${name}`, to: name, timeoutMs: TIMEOUT_MS, attempts: 1 })),
    )
    const total: Total = { calls: 0, errors: 0, wrong: [], hung: [], unexplained: [] }
    for (const [name, way] of Object.entries(WAYS)) {
      const fast = pick({ ci: 32, normal: 200, long: 1000 })
      await callMany(edge, name, way, way.slow ? pick({ ci: 16, normal: 48, long: 1000 }) : fast, total)
    }
    return rows(context, total, upstream, edge)
  },
} satisfies Fault

interface Total {
  calls: number
  /** Calls that were answered with an error. */
  errors: number
  readonly wrong: string[]
  readonly hung: string[]
  readonly unexplained: string[]
}

/** A listener that accepts nobody: stopped, and its queue full, so that the kernel drops every further SYN. */
async function blackHole({ after }: FaultContext): Promise<number> {
  const port = await freePort()
  const script = `require('net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => console.log('up'))`
  const child: ChildProcess = spawn(process.execPath, ['-e', script])
  const exited = once(child, 'exit')
  after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  await once(child.stdout!, 'data')
  child.kill('SIGSTOP')
  for (let i = 0; i < 8; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    after(() => void socket.destroy())
  }
  await pause(100) // the queue is the kernel's, nothing tells when it is full
  return port
}

async function callMany(edge: Edge, name: string, way: Pick<Break, 'may'>, count: number, total: Total): Promise<void> {
  const agent = new Agent({ connections: AT_ONCE })
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      const verdict = await call(agent, edge, name, total)
      total.calls++
      if (verdict !== undefined && !way.may.includes(verdict)) total.wrong.push(`${name}: ${verdict}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  await agent.destroy()
}

/** Undefined when it hung. */
async function call(agent: Agent, { url }: Edge, name: string, total: Total) {
  try {
    const signal = AbortSignal.timeout(HUNG_MS)
    const { statusCode, headers, body } = await request(`${url}/${name}`, { dispatcher: agent, signal })
    const text = await body.text()
    if (statusCode >= 500) {
      total.errors++
      if (!explains(text)) total.unexplained.push(`${name}: ${statusCode} ${text}`)
      return 'error'
    }
    const isWhole = statusCode === 200 && text.length === Number(headers[WHOLE_HEADER])
    if (!isWhole) total.wrong.push(`${name}: ${statusCode} with ${text.length} bytes passed for whole`)
    return isWhole ? 'whole' : undefined
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError') return 'cut'
    total.hung.push(name)
    return undefined
  }
}

/** A code, a reason and the attempts. */
function explains(text: string): boolean {
  return /"code":"[A-Z_]+"/.test(text) && /"reason":"[^"]+"/.test(text) && /"attempts":\[\{/.test(text)
}

async function rows({ log }: FaultContext, total: Total, upstream: BrokenUpstream, edge: Edge): Promise<Row[]> {
  const { calls, errors, wrong, hung, unexplained } = total
  await eventually('all log lines', async () => accessLines(edge).length >= calls, 3000).catch(() => undefined) // counted below
  const lines = accessLines(edge)
  const silent = lines.filter(({ status, code, reason }) => status >= 500 && !(code && reason))
  const counted = countOf(await edge.metrics(), /^skein_gateway_requests_total\{.*code="5\d\d".*\} (\d+)$/gm)
  const unmet = Object.keys(BREAKS).filter((name) => !upstream.met.has(name))
  log(`${calls} calls, ${errors} answered with an error, ${calls - errors - hung.length} broken off or whole`)
  const none = (figure: string, found: readonly unknown[], of: number): Row => ({
    ...{ figure, value: found.length, unit: '', atMost: 0, of },
    detail: found[0] === undefined ? undefined : String(found[0]),
  })
  return [
    none('outcomes that may not be', wrong, calls),
    none('calls without an end', hung, calls),
    none('requests over a dirty connection', upstream.dirty, calls),
    none('answers that give no reason', unexplained, errors),
    none('log lines that give no reason', silent, lines.length),
    none('ways that were never met', unmet, Object.keys(BREAKS).length),
    { figure: 'log lines missing', value: calls - lines.length, unit: '', atMost: 0, of: calls },
    { figure: 'errors not in the metrics', value: Math.abs(errors - counted), unit: '', atMost: 0, of: errors },
    { figure: 'gateway alive', value: edge.process.gone() ? 0 : 1, unit: '', atLeast: 1 },
  ]
}

const accessLines = ({ process }: Edge) =>
  process
    .output()
    .split('\n')
    .filter((line) => line.includes('"kind":"access"') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as { status: number; code?: string; reason?: string })

const countOf = (metrics: string, pattern: RegExp): number =>
  [...metrics.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0)
