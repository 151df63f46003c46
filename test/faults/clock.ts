/**
 * The registry's wall clock jumps by an hour, forwards and backwards, while it runs and between two starts (libfaketime;
 * the monotonic clock stays as it is, as it does when someone sets the time). Nothing may expire or be reaped for that, and
 * what really is silent must still expire in time.
 */
import { globSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { needsProgram, type Skip } from '../support/needs.ts'
import { startRegistryProcess } from '../support/registry-process.ts'
import { eventually } from '../support/up.ts'
import type { Fault } from './harness/contract.ts'

const LIBRARY = () => globSync('/usr/lib/*/faketime/libfaketime.so.1')[0]
const HOUR_S = 3600
const TTL_MS = 3000

export default {
  name: 'clock',
  what: "the registry's wall clock jumps by an hour to and fro: TTL checks, sessions, lock delays, reaping",
  ci: true,
  skip(): Skip {
    const absent = needsProgram('faketime')
    return absent || LIBRARY() !== undefined ? absent : 'libfaketime is not where Debian puts it'
  },
  async run({ dir, after, random, pick, log }) {
    const timeFile = path.join(dir, 'time')
    const jump = (seconds: number) => writeFileSync(timeFile, `${seconds < 0 ? '' : '+'}${seconds}s`)
    jump(0)
    const registry = await startRegistryProcess(['--data', path.join(dir, 'data')], {
      LD_PRELOAD: LIBRARY(),
      FAKETIME_TIMESTAMP_FILE: timeFile,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    })
    after(() => registry.close())
    const ask = client(registry.url)
    await setUp(ask)
    const session = (await ask('PUT', '/v1/session/create', { TTL: '10s', LockDelay: '1m' })) as { ID: string }
    const holder = (await ask('PUT', '/v1/session/create', { LockDelay: '1m' })) as { ID: string }
    await ask('PUT', `/v1/kv/lock?acquire=${holder.ID}`)
    await ask('PUT', `/v1/session/destroy/${holder.ID}`)

    const seen = { looks: 0, expired: 0, reaped: 0, sessions: 0, delays: 0, offBy: [] as number[] }
    const end = performance.now() + pick({ ci: 7000, normal: 40_000, long: 55_000 })
    for (let beat = 0; performance.now() < end; beat++) {
      if (beat % 3 === 0) jump(Math.round((random() < 0.5 ? -1 : 1) * HOUR_S * (0.5 + random() / 2)))
      if (beat === 12) {
        await registry.signal('SIGKILL')
        jump(beat % 2 === 0 ? HOUR_S : -HOUR_S)
        await registry.restart()
      }
      await ask('PUT', '/v1/agent/check/pass/service:beating')
      await ask('PUT', `/v1/session/renew/${session.ID}`)
      await pause(400)
      seen.looks++
      const states = (await ask('GET', '/v1/health/state/critical')) as { ServiceID: string }[]
      const critical = states.map(({ ServiceID }) => ServiceID)
      if (critical.includes('beating')) seen.expired++
      if (!critical.includes('sick')) seen.reaped++
      if (((await ask('GET', `/v1/session/info/${session.ID}`)) as unknown[]).length === 0) seen.sessions++
      if ((await ask('PUT', `/v1/kv/lock?acquire=${session.ID}`)) === true) seen.delays++
      seen.offBy.push(Math.abs((await wallOf(registry.url)) - Date.now()) / 3_600_000)
    }

    jump(-HOUR_S)
    const silent = performance.now()
    await eventually('the expiry of a silent instance', async () => {
      const states = (await ask('GET', '/v1/health/state/critical')) as { ServiceID: string }[]
      return states.some(({ ServiceID }) => ServiceID === 'beating')
    })
    const expiredAfter = performance.now() - silent
    log(`the registry's clock was off by up to ${Math.max(...seen.offBy).toFixed(2)} h`)
    const of = seen.looks
    return [
      { figure: 'largest jump seen by the registry', value: Math.max(...seen.offBy), unit: 'h', atLeast: 0.5 },
      { figure: 'false expirations of a TTL check', value: seen.expired, unit: '', atMost: 0, of },
      { figure: 'false ends of a session', value: seen.sessions, unit: '', atMost: 0, of },
      { figure: 'lock delays cut short', value: seen.delays, unit: '', atMost: 0, of },
      { figure: 'instances reaped too early', value: seen.reaped, unit: '', atMost: 0, of },
      { figure: 'a silent instance turns critical after', value: expiredAfter, unit: 'ms', atMost: TTL_MS + 1500 },
    ]
  },
} satisfies Fault

type Ask = (method: 'GET' | 'PUT', path: string, body?: object) => Promise<unknown>

function client(url: string): Ask {
  return async (method, path, body) => {
    const answer = await request(url + path, {
      method,
      body: body === undefined ? null : JSON.stringify(body),
      reset: true,
    })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}

async function setUp(ask: Ask): Promise<void> {
  const Check = { TTL: `${TTL_MS}ms`, Status: 'passing', DeregisterCriticalServiceAfter: '1h' }
  await ask('PUT', '/v1/agent/service/register', { ID: 'beating', Name: 'web', Port: 80, Check })
  const sick = { TTL: '24h', Status: 'critical', DeregisterCriticalServiceAfter: '30m' }
  await ask('PUT', '/v1/agent/service/register', { ID: 'sick', Name: 'web', Port: 81, Check: sick })
}

/** The wall clock of the registry, as its answers show it. */
async function wallOf(url: string): Promise<number> {
  const answer = await request(`${url}/v1/status/leader`)
  await answer.body.dump()
  return Date.parse(String(answer.headers['date']))
}
