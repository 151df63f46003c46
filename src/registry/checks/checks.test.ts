import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { CheckDefinition, Status } from '../state/records.ts'
import { startCheck } from './check.suite.ts'
import { probeHttp } from './http.ts'
import { cutOutput } from './output.ts'
import { forbiddenTarget, isForbiddenAddress } from './target.ts'
import { probeTcp } from './tcp.ts'
import { judge, startCounters } from './thresholds.ts'

async function target(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const never = new AbortController().signal

test('HTTP: 2xx passing, 429 warning, all else critical, with the line that Consul writes', async () => {
  await using web = await target((request, response) => {
    response.statusCode = Number(request.url!.slice(1))
    response.end(response.statusCode === 204 ? undefined : `body ${response.statusCode}`)
  })
  const expected: [number, Status, string][] = [
    [200, 'passing', '200 OK Output: body 200'],
    [204, 'passing', '204 No Content Output: '],
    [429, 'warning', '429 Too Many Requests Output: body 429'],
    [404, 'critical', '404 Not Found Output: body 404'],
    [503, 'critical', '503 Service Unavailable Output: body 503'],
    [304, 'critical', '304 Not Modified Output: '],
  ]
  for (const [code, status, rest] of expected) {
    const http = `${web.url}/${code}`
    assert.deepEqual(await probeHttp({ http }, never), { status, output: `HTTP GET ${http}: ${rest}` })
  }
})

test('HTTP: sends what Consul sends, and what the definition adds', async () => {
  await using web = await target((request, response) => {
    const { method, headers } = request
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => response.end(JSON.stringify({ method, headers, body })))
  })
  const seen = async (definition: CheckDefinition) => {
    const { output } = await probeHttp(definition, never)
    return JSON.parse(output.slice(output.indexOf('{')))
  }
  const plain = await seen({ http: web.url })
  assert.equal(plain.method, 'GET')
  assert.equal(plain.headers['user-agent'], 'Consul Health Check')
  assert.equal(plain.headers.accept, 'text/plain, text/*, */*')
  assert.equal(plain.headers.connection, 'close')
  const posted = await seen({ http: web.url, method: 'POST', body: 'b', header: { 'X-A': ['1', '2'] } })
  assert.deepEqual([posted.method, posted.body, posted.headers['x-a']], ['POST', 'b', '1, 2'])
})

test('HTTP: redirects are followed within the origin, not beyond it, not where disabled, not for ever', async () => {
  await using other = await target((_request, response) => response.end('secret'))
  await using web = await target((request, response) => {
    const to = { '/same': '/ok', '/other': other.url, '/loop': '/loop', '/meta': 'http://169.254.169.254/' }[
      request.url!
    ]
    if (to === undefined) return response.end('fine')
    response.writeHead(302, { location: to }).end()
  })
  const probe = async (path: string, more: CheckDefinition = {}) => probeHttp({ http: web.url + path, ...more }, never)
  assert.equal((await probe('/same')).status, 'passing')
  assert.equal((await probe('/same', { disableRedirects: true })).status, 'critical')
  for (const path of ['/other', '/meta']) {
    const { status, output } = await probe(path)
    assert.equal(status, 'critical')
    assert.match(output, /redirect to .* is not followed: it leaves/)
    assert.doesNotMatch(output, /secret/)
  }
  assert.match((await probe('/loop')).output, /stopped after 10 redirects/)
})

test('HTTP: a time-out is named as one, before the head and inside the body', async () => {
  let arrived = Promise.withResolvers<void>()
  await using web = await target((request, response) => {
    if (request.url === '/head') arrived.resolve()
    else response.write(Buffer.alloc(32_000_000), () => arrived.resolve()) // more than sockets hold: the check has read
  })
  for (const path of ['/head', '/body']) {
    arrived = Promise.withResolvers()
    const attempt = new AbortController()
    const probing = probeHttp({ http: web.url + path, outputMaxSize: 1e9 }, attempt.signal)
    await arrived.promise
    attempt.abort(new Error('no answer within 5 ms'))
    const output = `Get "${web.url}${path}": dial tcp ${web.url.slice(7)}: no answer within 5 ms`
    assert.deepEqual(await probing, { status: 'critical', output })
  }
})

test('HTTP and TCP: nobody listens', async () => {
  const refused = 'dial tcp 127.0.0.1:1: connect: connection refused'
  assert.deepEqual(await probeHttp({ http: 'http://127.0.0.1:1/' }, never), {
    status: 'critical',
    output: `Get "http://127.0.0.1:1/": ${refused}`,
  })
  assert.deepEqual(await probeTcp({ tcp: '127.0.0.1:1' }, never), { status: 'critical', output: refused })
})

test('TCP: an accepted connection is enough', async () => {
  await using web = await target(() => {})
  const tcp = `127.0.0.1:${web.port}`
  assert.deepEqual(await probeTcp({ tcp }, never), { status: 'passing', output: `TCP connect ${tcp}: Success` })
})

test('a periodic check: random first run, one at a time, timeout, a place of its own in the interval', async () => {
  let requests = 0
  const arrived = Promise.withResolvers<void>()
  await using web = await target(() => {
    requests++
    arrived.resolve()
  })
  const definition = { http: web.url, intervalMs: 10_000, timeoutMs: 25_000 }
  const { clock, results, running, until } = startCheck('http', definition)
  clock.advance(4999)
  await new Promise(setImmediate)
  assert.equal(requests, 0, 'half of the interval, for the random number is 0.5')
  clock.advance(1)
  await arrived.promise
  await until(25_000, 1)
  assert.match(results[0]!.output, /no answer within 25000 ms/)
  assert.equal(requests, 1, 'two more were due meanwhile')
  clock.advance(4999)
  await new Promise(setImmediate)
  assert.equal(requests, 1, 'it waits for its own place in the interval')
  await until(1 + 25_000, 2)
  running.stop()
})

test('an interval below one second is raised to it', () => {
  const { clock, results, running } = startCheck('http', { http: 'http://127.0.0.1:1', intervalMs: 1 }, 0.99)
  clock.advance(989)
  assert.deepEqual(results, [])
  running.stop()
})

test('TTL: exact, restarted by each beat, tells the last words', () => {
  const { clock, results, running } = startCheck('ttl', { ttlMs: 1000 })
  clock.advance(999)
  running.beat!('last words')
  clock.advance(999)
  assert.deepEqual(results, [])
  clock.advance(1)
  const output = 'TTL expired (last output before timeout follows): last words'
  assert.deepEqual(results, [{ status: 'critical', output }])
  running.stop()
})

test('TTL: of nanoseconds, it is repeated once a second that it is over', () => {
  const { clock, results, running } = startCheck('ttl', { ttlMs: 1e-5 })
  clock.advance(10_500)
  assert.equal(results.length, 11)
  running.stop()
})

test('thresholds: the counters start full, so the first result counts; warning is a success', () => {
  const run = (definition: CheckDefinition, results: Status[]) => {
    let counters = startCounters(definition)
    return results.map((result) => {
      const judged = judge(definition, counters, result)
      counters = judged.counters
      return judged.status ?? '-'
    })
  }
  const [p, w, c]: Status[] = ['passing', 'warning', 'critical']
  assert.deepEqual(run({}, [p!, c!, p!, w!]), ['passing', 'critical', 'passing', 'warning'])
  const three = { failuresBeforeCritical: 3, successBeforePassing: 2 }
  assert.deepEqual(run(three, [c!, p!, p!, p!, c!, c!, c!, c!]), [
    'critical',
    '-',
    '-',
    'passing',
    '-',
    '-',
    '-',
    'critical',
  ])
  assert.deepEqual(run(three, [p!, c!, w!, c!]), ['passing', '-', '-', '-'])
  const warns = { failuresBeforeCritical: 3, failuresBeforeWarning: 1 }
  assert.deepEqual(run(warns, [p!, c!, c!, c!, c!]), ['passing', '-', 'warning', 'warning', 'critical'])
})

test('an output is cut at its limit, in bytes, and says so', () => {
  assert.equal(cutOutput('x'.repeat(4096)), 'x'.repeat(4096))
  assert.equal(cutOutput('x'.repeat(5000)), `${'x'.repeat(4096)} ... (captured 4096 of 5000 bytes)`)
  assert.equal(cutOutput('äöü', 3), 'ä ... (captured 3 of 6 bytes)')
})

test('no check goes where only this machine may: link-local, metadata, multicast, other schemes, credentials', () => {
  const refused = [
    'http://169.254.169.254/latest/meta-data',
    'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://0.0.0.0/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://224.0.0.1/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://u:p@127.0.0.1/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'nonsense',
  ]
  for (const url of refused) assert.notEqual(forbiddenTarget(url), undefined, url)
  for (const url of ['http://127.0.0.1:80/', 'https://10.0.0.1/', 'http://web.internal/', 'http://[::1]/']) {
    assert.equal(forbiddenTarget(url), undefined, url)
  }
  assert.equal(isForbiddenAddress('169.254.0.1'), true)
})
