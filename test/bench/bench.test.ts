/** Benches must not rot: their arithmetic on made-up figures, and one short run of each on real processes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BenchCase, Measurement } from '../../bench/harness/contract.ts'
import { jsonLine, judge, median, table } from '../../bench/harness/report.ts'
import { needsProgram } from '../support/needs.ts'
import { ROOT, run } from '../support/up.ts'

const CASE: BenchCase = {
  name: 'small',
  what: 'a small GET',
  goals: [
    { figure: 'cpuUsPerRequest', against: 'nginx', atMost: 1.15 },
    { figure: 'cpuUsPerRequest', against: 'node', atMost: 0.45 },
    { figure: 'p50Ms', against: 'nginx', atMost: 0.06, difference: true },
    { figure: 'cpuUsPerRequest', against: 'caddy', atMost: 0.35 },
  ],
}
const measured = (peer: string, cpuUsPerRequest: number, p50Ms: number): Measurement => ({
  ...{ bench: 'gateway', case: 'small', peer, result: { cpuUsPerRequest, p50Ms } },
})
const ALL = [
  measured('skein', 20, 1.05),
  measured('nginx', 16, 1),
  measured('slow-node', 90, 1),
  measured('fast-node', 50, 1),
  { bench: 'gateway', case: 'small', peer: 'caddy', result: { missing: 'caddy is absent' } },
]

test('the median is that of each figure, errors are added up', () => {
  const samples = [3, 1, 2].map((p50Ms) => ({ p50Ms, requestsPerSecond: 10 - p50Ms, errors: 1 }))
  const { p50Ms, requestsPerSecond, errors, cpuUsPerRequest } = median(samples)
  assert.deepEqual([p50Ms, requestsPerSecond, errors, cpuUsPerRequest], [2, 8, 3, undefined])
})

test('goals are judged against the peer, the best Node peer, as ratio or difference; what is absent is not judged', () => {
  const verdicts = judge(CASE, ALL, (peer) => peer.endsWith('-node'))
  const shown = verdicts.map(({ against, value }) => [against, value?.toFixed(2)])
  assert.deepEqual(shown, [
    ['nginx', '1.25'],
    ['fast-node', '0.40'],
    ['nginx', '0.05'],
    [undefined, undefined],
  ])
  const text = table(CASE, ALL, verdicts)
  assert.match(text, /CPU ÷ nginx ≤ 1\.15: 1\.250 LOST/)
  assert.match(text, /CPU ÷ fast-node ≤ 0\.45: 0\.400 reached/)
  assert.match(text, /caddy +caddy is absent/)
  assert.match(text, /CPU ÷ caddy ≤ 0\.35: – not measured/)
})

test('a line of JSON has the ratio of CPU, or why there is no figure', () => {
  assert.equal(JSON.parse(jsonLine(ALL[1]!, ALL)).ratio, 1.25)
  assert.equal(JSON.parse(jsonLine(ALL[4]!, ALL)).missing, 'caddy is absent')
})

const absent =
  needsProgram('wrk') || needsProgram('nginx') || needsProgram('h2load', 'nghttp2-client') || needsProgram('openssl')

const bench = async (...args: string[]) => {
  const short = ['--rounds', '1', '--seconds', '1', '--json']
  const { code, stdout, stderr } = await run(process.execPath, ['bench/run.ts', ...args, ...short], ROOT)
  assert.equal(code, 0, stderr)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('the bench of the gateway measures', { skip: absent }, async () => {
  const lines = await bench('gateway', '--case', 'small', '--peer', 'skein,nginx')
  assert.deepEqual(
    lines.map(({ peer, errors }) => [peer, errors]),
    [
      ['skein', undefined],
      ['nginx', undefined],
    ],
  )
  for (const { cpu_us_per_request: cpu } of lines) assert.ok(Number(cpu) > 0, JSON.stringify(lines))
})

test('the bench of the client measures', { skip: absent }, async () => {
  const lines = await bench('client', '--case', 'call', '--peer', 'skein,raw')
  for (const { cpu_us_per_request: cpu } of lines) assert.ok(Number(cpu) > 0, JSON.stringify(lines))
})

for (const [line, message] of [
  ['ngnix', /^Error: bench ngnix: there are gateway, client/],
  ['gateway --peer ngnix', /^Error: --peer ngnix: there are skein, nginx/],
  ['registry --case nginx', /^Error: --case nginx: there are register/],
  ['client --rounds none', /^Error: --rounds none is not a number above 0/],
  ['balance --peers skein', /^Error: Unknown option '--peers'/],
] as const) {
  test(`a command line that is wrong is a sentence and status 2: bench ${line}`, async () => {
    const { code, stderr } = await run(process.execPath, ['bench/run.ts', ...line.split(' ')], ROOT)
    assert.equal(code, 2, stderr)
    assert.match(stderr, message)
    assert.match(stderr, /\nnpm run bench -- .*--help says what there is\.\n$/)
  })
}
