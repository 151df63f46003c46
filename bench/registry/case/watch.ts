import { cpuMicroseconds, residentBytes } from '../../harness/process.ts'
import { Connection } from '../connection.ts'
import type { RegistryCase, Started } from '../contract.ts'
import { at, load } from '../load.ts'
import { flip, PER_SERVICE, register } from '../requests.ts'
import { Watchers } from '../watchers.ts'

const WATCHERS = 1000
const FLIPS = 11
const LIMIT_MS = 60_000

export const WATCH_ONE: RegistryCase = {
  name: 'watch-one',
  what: '1,000 watchers of one service with 50 instances: from the write of a flip to their answers; CPU an answer',
  goals: [{ row: 'flip', figure: 'last_ms', against: 'consul', atMost: 0.2 }],
  async run({ start }) {
    const registry = await start()
    await load(registry, { connections: 8, count: PER_SERVICE, request: register })
    const watchers = new Watchers()
    await watchers.open(registry.port, WATCHERS, () => '/v1/health/service/svc-0?passing')
    const writer = await Connection.open(registry.port)
    const rounds: Awaited<ReturnType<typeof flipOnce>>[] = []
    for (let round = 0; round < FLIPS; round++) rounds.push(await flipOnce(registry, watchers, writer, round))
    watchers.close()
    writer.close()
    const median = (figure: keyof (typeof rounds)[number]) =>
      at(
        rounds.map((one) => one[figure]).sort((a, b) => a - b),
        0.5,
      )
    const figures = { p50_ms: median('p50'), last_ms: median('last'), cpu_us: median('cpu'), lost: median('lost') }
    return [{ name: 'flip', figures: { ...figures, mb: residentBytes(registry.pid) / 1e6 } }]
  },
}

async function flipOnce({ pid }: Started, watchers: Watchers, writer: Connection, round: number) {
  await watchers.hold(pid)
  const cpu = cpuMicroseconds(pid)
  const written = performance.now()
  const [, { times, lost }] = await Promise.all([writer.ask(...flip(0, round)), watchers.answers(LIMIT_MS)])
  const [p50, last] = [at(times, 0.5) - written, at(times, 1) - written]
  return { p50, last, lost, cpu: (cpuMicroseconds(pid) - cpu) / WATCHERS }
}

const MANY = 10_000
const SERVICES = 1000

export const WATCH_MANY: RegistryCase = {
  name: 'watch-many',
  what: '10,000 watchers on 1,000 services, each of which flips once: MB while all are held, from the first write to the last answer',
  goals: [
    { row: 'held', figure: 'mb', against: 'consul', atMost: 0.5 },
    { row: 'answered', figure: 'lost', atMost: 0 },
  ],
  async run({ start }) {
    const registry = await start()
    const request = (i: number) => register(i * PER_SERVICE)
    await load(registry, { connections: 16, count: SERVICES, request })
    const before = residentBytes(registry.pid)
    const watchers = new Watchers()
    await watchers.open(registry.port, MANY, (i) => `/v1/health/service/svc-${i % SERVICES}`)
    await watchers.hold(registry.pid)
    const held = residentBytes(registry.pid)
    const cpu = cpuMicroseconds(registry.pid)
    const written = performance.now()
    await load(registry, { connections: 16, count: SERVICES, request: (i) => flip(i * PER_SERVICE, 0) })
    const { times, lost } = await watchers.answers(LIMIT_MS)
    const cpu_us = (cpuMicroseconds(registry.pid) - cpu) / MANY
    watchers.close()
    return [
      { name: 'before', figures: { mb: before / 1e6 } },
      { name: 'held', figures: { mb: held / 1e6 } },
      {
        name: 'answered',
        figures: { last_ms: at(times, 1) - written, lost, cpu_us, mb: residentBytes(registry.pid) / 1e6 },
      },
    ]
  },
}
