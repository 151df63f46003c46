/**
 * The differential oracle: whatever bytes come in, what goes on is strict HTTP, every answer belongs to the request which the
 * recorder has seen, and all judges see the same requests. It needs no list of attacks; the cases are only its beginnings.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { seeded } from '../../src/core/random.ts'
import { needsProgram } from '../support/needs.ts'
import { REQUEST_CASES } from './cases/index.ts'
import { drive } from './drive.ts'
import { nodeJudge } from './judge/node.ts'
import { haproxyJudge, nginxJudge } from './judge/proxy.ts'
import { readResponses, valuesOf } from './judge/reader.ts'
import { mutated } from './mutate.ts'
import { type Arrived, record } from './recorder.ts'
import { gatewayBefore } from './target.ts'

const ROUNDS = 2500
/** Each with a gateway and a recorder of its own, so that what arrives belongs to one conversation. */
const LANES = 12
/** A conversation that says nothing for so long has said all, or waits for more. */
const QUIET_MS = 40
/** Node's and ours are always there. */
const JUDGES = [
  { name: 'node:http', make: nodeJudge, absent: false as const },
  { name: 'nginx', make: nginxJudge, absent: needsProgram('nginx') },
  { name: 'HAProxy', make: haproxyJudge, absent: needsProgram('haproxy') },
].filter(({ absent }) => absent === false)

test(`${ROUNDS} conversations that are nearly a case`, async (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? 1)
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const all = Object.values(REQUEST_CASES).flat()
  // Few of the cases pass, and nothing is learnt from two faults in one text: those that pass are drawn as often as the others.
  const good = all.filter(({ forward }) => forward !== undefined)
  const cases = [...all, ...Array.from({ length: Math.round(all.length / good.length) }, () => good).flat()]
  const bytesOf = cases.map(({ bytes }) => bytes)
  const texts = mutated(bytesOf, ROUNDS, seeded(seed))
  const faults: string[] = []
  const passed: (readonly Arrived[])[] = []
  const lane = async () => {
    const { port, recorder } = await openLane(t)
    for (let bytes = texts.pop(); bytes !== undefined; bytes = texts.pop()) {
      const { text, ended } = await drive(port, bytes, { quietMs: QUIET_MS })
      try {
        const arrived = recorder.take()
        if (arrived.length > 0) passed.push(arrived)
        if (ended === 'open') throw new Error('left open')
        checkAnswers(text, arrived)
      } catch (error) {
        faults.push(`${(error as Error).message}: ${JSON.stringify(bytes)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  for (const { name, make } of JUDGES) faults.push(...(await judgedBy(name, await make(), passed)))
  t.diagnostic(
    `${passed.length} conversations passed something on; judges: ${JUDGES.map(({ name }) => name).join(', ')}`,
  )
  assert.deepEqual(faults, [])
  assert.ok(passed.length > ROUNDS / 10, `only ${passed.length} passed`)
})

async function openLane(t: TestContext) {
  const recorder = await record(
    ({ target, method }) => `HTTP/1.1 200 OK\r\nX-Seen: ${method} ${target}\r\nContent-Length: 0\r\n\r\n`,
  )
  const gateway = await gatewayBefore(recorder.port, [{ to: 'users' }])
  t.after(async () => {
    await gateway.close()
    recorder.close()
  })
  return { port: gateway.port, recorder }
}

/** @throws Error unless answers come in the order of the requests that they answer. The last may have come too late. */
function checkAnswers(text: string, arrived: readonly Arrived[]): void {
  const methods = arrived.map(({ method }) => method)
  const answers = readResponses(text, methods, true).messages.filter(
    ({ fields }) => valuesOf(fields, 'x-seen').length > 0,
  )
  for (const [i, { fields }] of answers.entries()) {
    const [seen] = valuesOf(fields, 'x-seen')
    const request = arrived[i]
    if (request === undefined || seen !== `${request.method} ${request.target}`)
      throw new Error(`answer ${i} is to ${seen}`)
  }
}

async function judgedBy(
  name: string,
  judge: Awaited<ReturnType<typeof nodeJudge>>,
  passed: readonly (readonly Arrived[])[],
): Promise<string[]> {
  const faults: string[] = []
  for (const arrived of passed) {
    const bytes = arrived.map((one) => one.bytes).join('')
    const read = shown(await judge.read(bytes, arrived.length))
    if (read !== shown(arrived)) faults.push(`${name} reads ${read}, not ${shown(arrived)}: ${JSON.stringify(bytes)}`)
  }
  await judge.close()
  return faults
}

const shown = (requests: readonly Pick<Arrived, 'method' | 'target' | 'body'>[]) =>
  JSON.stringify(requests.map(({ method, target, body }) => [method, target, body]))
