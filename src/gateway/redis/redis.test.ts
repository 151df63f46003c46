/** Rate limits counted in a real Redis by several gateways, and what becomes of them when it is killed, frozen or refuses. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { createClient } from '@redis/client'
import { pino } from 'pino'
import { makeAuthority, needsCertificates } from '../../../test/support/certificates.ts'
import { needsRedis, RedisProcess } from '../../../test/support/redis.ts'
import { createCaller } from '../../client/caller.ts'
import { systemClock } from '../../core/clock.ts'
import { freePort } from '../../core/free-port.ts'
import { ConfigError } from '../../core/issues.ts'
import { silentLogger } from '../../core/log.ts'
import { seeded, systemRandom } from '../../core/random.ts'
import { staticSource } from '../../discovery/source/static.ts'
import { Metrics } from '../../telemetry/metrics.ts'
import { Buckets, takeTogether } from '../buckets.ts'
import type { GatewayConfig, RouteConfig } from '../contract.ts'
import { type RunningGateway, startGateway } from '../index.ts'
import { gatewayMetrics } from '../metrics.ts'
import { rateLimits } from '../rule/rate-limit.ts'
import type { GatewayRoute } from '../snapshot.ts'
import { ask, httpUpstream, instance, tcpUpstream } from '../workbench.suite.ts'
import { readRedis } from './config.ts'
import { RedisAllowance } from './redis-allowance.ts'
import { TAKE, verdictsOf, wordsFor } from './tokens.ts'

const HOUR = 3600
const SEED = Number(process.env['SKEIN_SEED'] ?? Math.floor(Math.random() * 2 ** 32))

async function redisFor(t: TestContext, options: readonly string[] = []): Promise<RedisProcess> {
  const redis = await RedisProcess.start(options)
  t.after(() => redis.stop())
  return redis
}

/** For looking into it. Redis is stopped first, which it hears. */
async function clientOf(t: TestContext, url: string) {
  const client = createClient({ url, RESP: 2 })
  client.on('error', () => undefined)
  await client.connect()
  t.after(() => client.destroy())
  return client
}

type RedisOption = NonNullable<GatewayConfig['redis']>

/** Gateways before one upstream, with the same routes and Redis. A machine under load is slow, so Redis has time. */
async function gateways(t: TestContext, count: number, redis: RedisOption | undefined, route: Partial<RouteConfig>) {
  const upstream = await httpUpstream(t, (_, response) => response.end('ok'))
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const config = { port: 0, routes: [{ to: 'users', ...route }], ...(redis === undefined ? {} : { redis }) }
  const all: { gateway: RunningGateway; counted: (by: string) => number }[] = []
  for (let i = 0; i < count; i++) {
    const metrics = new Metrics()
    const caller = createCaller({ source: staticSource([instance(upstream.port)]), metrics })
    const gateway = await startGateway({ config, caller, metrics, log })
    t.after(async () => {
      await gateway.close()
      await caller.close()
    })
    const counted = (by: string) =>
      Number(new RegExp(`skein_gateway_limits_counted_total{by="${by}"} (\\d+)`).exec(metrics.toText())?.[1] ?? 0)
    all.push({ gateway, counted })
  }
  const status = async (at: number, headers: Record<string, string> = {}) =>
    (await ask(all[at]!.gateway.port, '/', { headers })).status
  /** Statuses of so many requests at once, by turns to each gateway. */
  const flood = async (requests: number, headers: Record<string, string> = {}) => {
    const statuses = await Promise.all(Array.from({ length: requests }, (_, i) => status(i % count, headers)))
    return { allowed: statuses.filter((one) => one === 200).length, others: statuses.filter((one) => one !== 200) }
  }
  const said = (words: RegExp) => logged.filter(({ msg }) => words.test(String(msg)))
  return { all, config, status, flood, said, logged }
}

const patient = (redis: RedisProcess, more = {}) => ({
  url: `redis://127.0.0.1:${redis.port}`,
  timeoutMs: 5000,
  ...more,
})
const onlyRefused = (statuses: readonly number[]) => assert.deepEqual([...new Set(statuses)], [429])
/** By what happens in another process, so there is no event to wait for. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('rate limits in Redis', { skip: needsRedis() }, () => {
  test('two gateways under load: the sum that is let through is the limit, to the request', async (t) => {
    const redis = await redisFor(t)
    const rateLimit = { requests: 100, seconds: HOUR, by: 'route' as const }
    const { all, flood } = await gateways(t, 2, patient(redis), { rateLimit })
    const { allowed, others } = await flood(400)
    assert.equal(allowed, 100)
    onlyRefused(others)
    for (const { counted } of all) assert.deepEqual([counted('redis'), counted('gateway')], [200, 0])
  })

  test('each client has its own; of several limits all are taken or none', async (t) => {
    const redis = await redisFor(t)
    const rateLimit = [
      { name: 'client', requests: 10, seconds: HOUR, by: 'header:x-user' as const },
      { name: 'all', requests: 25, seconds: HOUR, by: 'route' as const },
    ]
    const { flood, all } = await gateways(t, 2, patient(redis), { rateLimit })
    assert.equal((await flood(40, { 'x-user': 'ann' })).allowed, 10)
    assert.equal((await flood(40, { 'x-user': 'bob' })).allowed, 10)
    const answer = await ask(all[0]!.gateway.port, '/', { headers: { 'x-user': 'cem' } })
    assert.match(String(answer.headers.ratelimit), /^"client";r=9;t=\d+, "all";r=4;t=\d+$/, 'refusals took nothing')
    assert.equal((await flood(40, { 'x-user': 'cem' })).allowed, 4)
  })

  test('a thousand requests in one turn go in several calls, and none is forgotten', async (t) => {
    const redis = await redisFor(t)
    const settings = readRedis(patient(redis))
    const parts = {
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      metrics: gatewayMetrics(new Metrics()),
    }
    const allowance = new RedisAllowance(settings, { take: () => assert.fail('Redis is there') }, parts)
    t.after(() => allowance.close())
    await allowance.tried
    const [limit] = rateLimits({ requests: 300, seconds: HOUR, by: 'route' }, 'all', [])
    const route = { name: 'all', config: { name: 'all' } } as GatewayRoute
    const asks = Array.from({ length: 1000 }, () => allowance.take([{ limit: limit!, route, key: '' }], 0))
    const verdicts = (await Promise.all(asks)).flat()
    assert.equal(verdicts.filter(({ taken }) => taken).length, 300)
    assert.deepEqual(
      verdicts.slice(0, 300).map(({ left }) => left),
      Array.from({ length: 300 }, (_, i) => 299 - i),
      'in the order of asking',
    )
  })

  test('tokens come back at the rate that is asked for, whoever asks', async (t) => {
    const redis = await redisFor(t)
    const rateLimit = { requests: 200, seconds: 1, burst: 20, by: 'route' as const }
    const { status, flood } = await gateways(t, 2, patient(redis), { rateLimit })
    const began = performance.now()
    let allowed = 0
    while (allowed < 100) allowed += (await flood(20)).allowed
    const most = 20 + ((performance.now() - began) / 1000) * 200
    assert.ok(allowed <= most, `${allowed} of at most ${most}`)
    await until(async () => (await status(0)) === 200)
  })

  test(`the script says what the buckets of one gateway say (SKEIN_SEED=${SEED})`, async (t) => {
    const redis = await redisFor(t)
    const client = await clientOf(t, `redis://127.0.0.1:${redis.port}`)
    const random = seeded(SEED)
    const script = TAKE.replace("redis.call('TIME')", '{ 0, tonumber(ARGV[#ARGV]) }')
    const fillings = [
      { capacity: 5, perMs: 2 ** -19 },
      { capacity: 1000, perMs: 2 ** -10 },
    ]
    // Powers of two, so that no sum is rounded: the twin reckons at other moments, as it writes at refusals, too.
    const twins = fillings.map((filling) => new Buckets(filling))
    let now = 1_700_000_000_000
    for (let i = 0; i < 3000; i++) {
      now += Math.floor(random() * 2 * (random() < 0.01 ? 3_600_000 : 1000))
      // Several requests in one call, also of one client.
      const groups = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
        const user = String(Math.floor(random() * 3))
        const chosen = random() < 0.5 ? [0, 1] : [Math.floor(random() * 2)]
        return chosen.map((at) => ({ ...fillings[at]!, at, user, key: `${at} ${user}` }))
      })
      const words = [...wordsFor(groups), String(now * 1000)]
      const verdicts = verdictsOf(await client.sendCommand(['EVAL', script, ...words]), groups)
      for (const [n, group] of groups.entries()) {
        const twin = takeTogether(
          group.map(({ at, user }) => ({ buckets: twins[at]!, key: user })),
          now,
        )
        assert.deepEqual(verdicts[n], twin, `step ${i}`)
      }
    }
  })

  test('a clock of Redis that is set back stops nobody for longer than the bucket needs', async (t) => {
    const redis = await redisFor(t)
    const client = await clientOf(t, `redis://127.0.0.1:${redis.port}`)
    const script = TAKE.replace("redis.call('TIME')", '{ 0, tonumber(ARGV[#ARGV]) }')
    const groups = [[{ key: 'k', capacity: 1, perMs: 1 / 10_000 }]]
    const take = async (second: number) => {
      const words = [...wordsFor(groups), String(second * 1_000_000)]
      return verdictsOf(await client.sendCommand(['EVAL', script, ...words]), groups)[0]![0]!
    }
    assert.equal((await take(100_000)).taken, true)
    assert.equal((await take(1_000)).taken, false)
    assert.equal((await take(1_005)).taken, false)
    assert.equal((await take(1_010)).taken, true)
  })

  test('scripts that Redis has forgotten are sent again, and nothing is counted elsewhere', async (t) => {
    const redis = await redisFor(t)
    const { all, flood } = await gateways(t, 2, patient(redis), { rateLimit: { requests: 20, seconds: HOUR } })
    const client = await clientOf(t, `redis://127.0.0.1:${redis.port}`)
    let allowed = 0
    for (let i = 0; i < 5; i++) {
      await client.sendCommand(['SCRIPT', 'FLUSH'])
      allowed += (await flood(8)).allowed
    }
    assert.equal(allowed, 20)
    for (const { counted } of all) assert.equal(counted('gateway'), 0)
  })

  test('nobody’s address or name lies in Redis, and keys go when their buckets are full', async (t) => {
    const redis = await redisFor(t)
    const rateLimit = { requests: 2, seconds: 6, by: 'header:x-user' as const }
    const { status } = await gateways(t, 1, patient(redis, { prefix: 'edge' }), { rateLimit })
    const client = await clientOf(t, `redis://127.0.0.1:${redis.port}`)
    await status(0, { 'x-user': 'ann@example.com' })
    const keys = (await client.sendCommand(['KEYS', '*'])) as unknown as string[]
    assert.match(keys.filter((key) => key !== 'edge:probe').join(), /^edge:[\w-]{43}$/)
    await until(async () => ((await client.sendCommand(['DBSIZE'])) as unknown as number) === 0)
  })

  test('killed under load and back: no request fails, each gateway holds its limit, and one line says so', async (t) => {
    const redis = await redisFor(t)
    const rateLimit = { requests: 50, seconds: HOUR, by: 'route' as const }
    const { all, flood, said } = await gateways(t, 2, patient(redis), { rateLimit })
    assert.equal((await flood(20)).allowed, 20)
    const under = flood(200)
    await redis.signal('SIGKILL')
    const during = [await under, await flood(100)]
    for (const { others } of during) onlyRefused(others)
    const allowed = 20 + during.reduce((sum, one) => sum + one.allowed, 0)
    assert.ok(allowed >= 50 && allowed <= 100, `${allowed}: at most the limit for each of two gateways`)
    assert.equal((await flood(20)).allowed, 0)
    assert.equal(said(/Redis cannot be asked/).length, 2, 'once for each gateway')
    await redis.start()
    await until(() => said(/Redis is back/).length === 2)
    const local = all.map(({ counted }) => counted('gateway'))
    // It has kept nothing: the limit begins anew, and is again one for both.
    assert.equal((await flood(200)).allowed, 50)
    assert.deepEqual(
      all.map(({ counted }) => counted('gateway')),
      local,
    )
  })

  test('an outage does not begin with full buckets', async (t) => {
    const redis = await redisFor(t)
    const { flood, status } = await gateways(t, 1, patient(redis), { rateLimit: { requests: 5, seconds: HOUR } })
    assert.equal((await flood(10)).allowed, 5)
    await redis.signal('SIGKILL')
    assert.equal(await status(0), 429)
  })

  test('frozen: who waits is counted by the gateway after the time-out, the others at once; thawed, it counts again', async (t) => {
    const redis = await redisFor(t)
    const rateLimit = { requests: 30, seconds: HOUR, by: 'route' as const }
    const { all, flood, said, status } = await gateways(t, 2, patient(redis, { timeoutMs: 1500 }), { rateLimit })
    assert.equal(await status(0), 200)
    await redis.signal('SIGSTOP')
    const first = await flood(100)
    onlyRefused(first.others)
    assert.ok(first.allowed >= 29 && first.allowed <= 60, String(first.allowed))
    const stalled = said(/Redis cannot be asked/)
    assert.equal(stalled.length, 2)
    assert.match(JSON.stringify(stalled[0]), /no answer in 1500 ms/)
    const before = performance.now()
    onlyRefused((await flood(100)).others)
    t.diagnostic(`100 requests while it is frozen: ${Math.round(performance.now() - before)} ms`)
    await redis.signal('SIGCONT')
    await until(() => said(/Redis is back/).length === 2)
    const counted = all.reduce((sum, one) => sum + one.counted('redis'), 0)
    await flood(10)
    assert.equal(
      all.reduce((sum, one) => sum + one.counted('redis'), 0),
      counted + 10,
    )
  })

  test('it comes later than the gateways', async (t) => {
    const redis = await redisFor(t)
    await redis.signal('SIGKILL')
    const { flood, said } = await gateways(t, 2, patient(redis), { rateLimit: { requests: 10, seconds: HOUR } })
    assert.equal((await flood(40)).allowed, 20, 'each by itself')
    await redis.start()
    await until(() => said(/Redis is back/).length === 2)
    assert.equal((await flood(40)).allowed, 10)
  })

  test('one that is full, only reads or is still loading does not count as there', async (t) => {
    const full = await redisFor(t, ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'])
    const replica = await redisFor(t, ['--replicaof', '127.0.0.1 1'])
    for (const [redis, why] of [
      [full, /OOM/],
      [replica, /READONLY|MASTERDOWN/],
    ] as const) {
      const { flood, said } = await gateways(t, 1, patient(redis), { rateLimit: { requests: 3, seconds: HOUR } })
      const { allowed, others } = await flood(10)
      assert.equal(allowed, 3)
      onlyRefused(others)
      assert.match(JSON.stringify(said(/Redis cannot be asked/)), why)
      assert.equal(said(/Redis cannot be asked/).length, 1)
    }
  })

  test('password, user and database; a wrong password is told without it', async (t) => {
    const redis = await redisFor(t, ['--requirepass', 's3cr et%'])
    const at = `127.0.0.1:${redis.port}`
    const client = await clientOf(t, `redis://:s3cr%20et%25@${at}`)
    await client.sendCommand(['ACL', 'SETUSER', 'edge', 'on', '>pa:ss', '~skein:limit:*', '+@all'])
    for (const url of [`redis://:s3cr%20et%25@${at}/3`, `redis://edge:pa%3Ass@${at}/5`]) {
      const { status, all } = await gateways(
        t,
        1,
        { url, timeoutMs: 5000 },
        { rateLimit: { requests: 3, seconds: HOUR } },
      )
      assert.equal(await status(0), 200)
      assert.equal(all[0]!.counted('redis'), 1)
    }
    const spaces = String(await client.sendCommand(['INFO', 'keyspace']))
    assert.match(spaces, /db3:/)
    assert.match(spaces, /db5:/)
    const wrong = await gateways(t, 1, `redis://:wr0ng-word@${at}`, { rateLimit: { requests: 3, seconds: HOUR } })
    assert.equal((await wrong.flood(9)).allowed, 3)
    assert.match(JSON.stringify(wrong.said(/Redis cannot/)), /WRONGPASS/)
    assert.doesNotMatch(JSON.stringify(wrong.logged), /wr0ng-word/)
  })

  test('rediss://: with its authority it counts, with another it does not', {
    skip: needsCertificates(),
  }, async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'skein-redis-tls-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const { ca, cert, key } = makeAuthority(folder)('redis.test')
    const port = await freePort()
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no']
    await redisFor(t, ['--tls-port', String(port), ...files])
    const url = `rediss://127.0.0.1:${port}`
    const rateLimit = { requests: 3, seconds: HOUR }
    const right = await gateways(t, 1, { url, ca, timeoutMs: 5000 }, { rateLimit })
    assert.equal((await right.flood(5)).allowed, 3)
    assert.equal(right.all[0]!.counted('redis'), 5)
    const wrong = await gateways(t, 1, { url, timeoutMs: 5000 }, { rateLimit })
    assert.equal((await wrong.flood(5)).allowed, 3)
    assert.equal(wrong.all[0]!.counted('redis'), 0)
    assert.match(JSON.stringify(wrong.said(/Redis cannot/)), /certificate|signed/i)
  })

  test('a reload puts Redis in force or takes it away, and leaves one that stays alone', async (t) => {
    const redis = await redisFor(t)
    const rateLimit = { requests: 5, seconds: HOUR }
    const { all, config, flood } = await gateways(t, 1, undefined, { rateLimit })
    const { gateway, counted } = all[0]!
    const client = await clientOf(t, `redis://127.0.0.1:${redis.port}`)
    const connections = async () =>
      String(await client.sendCommand(['CLIENT', 'LIST']))
        .trim()
        .split('\n').length - 1
    assert.equal((await flood(10)).allowed, 5)
    gateway.reload({ ...config, redis: patient(redis) })
    await until(async () => (await flood(1)) && counted('redis') > 0)
    assert.equal(await connections(), 1)
    const id = String(await client.sendCommand(['CLIENT', 'LIST', 'TYPE', 'normal']))
    gateway.reload({ ...config, redis: patient(redis), trustedProxies: ['10.0.0.1'] })
    const ids = (text: string) => [...text.matchAll(/^id=(\d+)/gm)].map(([, one]) => one)
    assert.deepEqual(ids(String(await client.sendCommand(['CLIENT', 'LIST', 'TYPE', 'normal']))), ids(id))
    gateway.reload(config)
    await until(async () => (await connections()) === 0)
    assert.equal(
      (await flood(3)).others.every((one) => one === 429),
      true,
    )
  })
})

test('what stands there and is no Redis: each gateway counts by itself', async (t) => {
  const silent = await tcpUpstream(t, () => {})
  const chatty = await tcpUpstream(t, (socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const liar = await tcpUpstream(t, (socket) => socket.on('data', () => socket.write('+OK\r\n+OK\r\n')))
  const agreeable = await tcpUpstream(t, (socket) => socket.on('data', () => socket.write('+OK\r\n')))
  for (const { port } of [silent, chatty, liar, agreeable]) {
    const url = { url: `redis://127.0.0.1:${port}`, timeoutMs: 5000 }
    const { flood, all, said } = await gateways(t, 1, url, { rateLimit: { requests: 3, seconds: HOUR } })
    assert.equal(said(/Redis cannot be asked/).length, 1, 'it is known before it is needed')
    const { allowed, others } = await flood(10)
    assert.equal(allowed, 3)
    onlyRefused(others)
    assert.equal(all[0]!.counted('redis'), 0)
    assert.equal(said(/Redis cannot be asked/).length, 1)
  }
})

test('one that is slower than requests wait for it is not there, and is not tried at each turn', {
  skip: needsRedis(),
}, async (t) => {
  const redis = await redisFor(t)
  const delays = new Set<NodeJS.Timeout>()
  t.after(() => delays.forEach(clearTimeout))
  const slow = await tcpUpstream(t, (socket) => {
    const real = connect(redis.port, '127.0.0.1')
    real.on('error', () => undefined)
    socket.pipe(real)
    socket.once('close', () => real.destroy())
    real.on('data', (bytes) => {
      // So much more than requests wait that no pause of a busy machine makes it less.
      const delay = setTimeout(() => socket.write(bytes), 400)
      delays.add(delay)
    })
  })
  const url = { url: `redis://127.0.0.1:${slow.port}`, timeoutMs: 30 }
  const { flood, all, said } = await gateways(t, 1, url, { rateLimit: { requests: 3, seconds: HOUR } })
  for (let i = 0; i < 5; i++) {
    await flood(2)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.deepEqual([all[0]!.counted('redis'), all[0]!.counted('gateway')], [0, 10])
  assert.deepEqual([said(/Redis cannot be asked/).length, said(/Redis is back/).length], [1, 0])
})

test('the configuration is checked key by key, and secrets are found where it says', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-redis-config-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'url')
  writeFileSync(file, 'http://user:pa55word@10.0.0.7/\n')
  const bad: [unknown, RegExp][] = [
    ['10.0.0.7:6379', /gateway: redis: is no redis:\/\/ or rediss:\/\/ address\. Write it like "redis:/],
    ['redis://:pa55word@', /redis: (names no host|is no redis)/],
    ['redis://10.0.0.7/users', /redis: ends in something that is no number/],
    ['redis://10.0.0.7?db=3', /redis: has a query/],
    ['redis://:100%@10.0.0.7', /redis: has a "%"/],
    [{ url: 7 }, /redis\.url: does not say where it is found\. Write \{ env:/],
    [{ url: 'redis://a', timeout: 5 }, /redis\.timeout: unknown key\. Did you mean "timeoutMs"/],
    [{ url: 'redis://a', timeoutMs: 0 }, /redis\.timeoutMs: 0 is out of range/],
    [{ url: 'redis://a', prefix: 'a b' }, /redis\.prefix: "a b" is not a prefix/],
    [{ url: 'rediss://a', ca: '/no/such.pem' }, /redis\.ca: cannot be read/],
    [{}, /redis\.url: is missing/],
    [null, /redis: does not say where it is found/],
    [{ env: 'SKEIN_TEST_NO_REDIS' }, /redis: the environment variable SKEIN_TEST_NO_REDIS is empty or not there/],
    [{ file: '/no/such/file' }, /redis: cannot be read/],
    [{ url: { file } }, /redis\.url: what it names is no redis:\/\//],
  ]
  const caller = createCaller({ source: staticSource([]), metrics: new Metrics() })
  t.after(() => caller.close())
  for (const [redis, words] of bad) {
    const config = { port: 0, routes: [{ to: 'users' }], redis } as unknown as GatewayConfig
    await assert.rejects(startGateway({ config, caller, metrics: new Metrics() }), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, words)
      assert.doesNotMatch(error.message, /pa55word/)
      return true
    })
  }
})
