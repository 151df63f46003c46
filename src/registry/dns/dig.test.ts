/** A resolver's own tool asks: dig, with and without EDNS, by UDP and TCP. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { findProgram, needsProgram } from '../../../test/support/needs.ts'
import { type RunningDns, startDns } from './server.ts'
import { exampleView } from './zone.fixture.ts'

const run = promisify(execFile)
const skip = needsProgram('dig', 'bind9-dnsutils')

describe('dig', { skip }, () => {
  let dns: RunningDns
  before(async () => {
    const { state, datacenter, node } = exampleView()
    dns = await startDns({ state, datacenter, node, port: 0 })
  })
  after(() => dns.close())

  const dig = async (...args: string[]) => {
    const server = ['@127.0.0.1', '-p', String(dns.port), '+tries=1', '+time=5']
    const { stdout } = await run(findProgram('dig')!, [...server, ...args])
    return stdout
  }
  const short = async (...args: string[]) => (await dig('+short', ...args)).trim().split('\n').sort()

  test('addresses', async () => {
    assert.deepEqual(await short('web.service.consul'), ['127.0.0.11', '127.0.0.12'])
    assert.deepEqual(await short('v6.service.consul', 'AAAA'), ['::1'])
    assert.deepEqual(await short('named.service.consul', '+noedns'), ['host.example.com.'])
    assert.deepEqual(await short('-x', '127.0.0.11'), ['web.service.dc1.consul.'])
    assert.deepEqual(await short('-x', '::1'), ['v6.service.dc1.consul.'])
  })

  test('SRV with the addresses of its targets', async () => {
    const output = await dig('_web._tcp.service.consul', 'SRV')
    assert.match(
      output,
      /status: NOERROR, id: \d+\n;; flags: qr aa rd; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 4/,
    )
    assert.match(output, /SRV\s+1 5 8001 7f00000b\.addr\.dc1\.consul\./)
    assert.match(output, /7f00000b\.addr\.dc1\.consul\.\s+0\s+IN\s+A\s+127\.0\.0\.11/)
    assert.match(output, /TXT\s+"consul-network-segment="/)
  })

  test('the name comes back as asked', async () => {
    assert.match(await dig('wEb.SErvice.coNSul'), /\nwEb\.SErvice\.coNSul\.\s+0\s+IN\s+A\s/)
  })

  test('negative answers', async () => {
    const unknown = await dig('nope.service.consul')
    assert.match(unknown, /status: NXDOMAIN/)
    assert.match(unknown, /\nconsul\.\s+0\s+IN\s+SOA\s+ns\.consul\. hostmaster\.consul\. \d{10} 3600 600 86400 0/)
    assert.match(await dig('web.service.consul', 'AAAA'), /status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/)
    assert.match(await dig('example.com'), /status: REFUSED[\s\S]*flags: qr rd;/)
    assert.match(await dig('web.service.consul', 'CH', 'A'), /status: NOTIMP/)
    assert.match(await dig('consul', 'AXFR', '+notcp'), /Transfer failed|NOTIMP/)
  })

  const sizes: readonly (readonly [options: string[], answers: number])[] = [
    [['+noedns', '+ignore'], 3],
    [['+bufsize=1232', '+ignore'], 19],
    [['+bufsize=8192'], 40],
    [['+tcp'], 40],
    [['+noedns'], 40], // sees TC and comes back by TCP
  ]
  for (const [options, answers] of sizes) {
    test(`40 instances by SRV, ${options.join(' ')}: ${answers}`, async () => {
      const output = await dig('many.service.consul', 'SRV', ...options)
      assert.match(output, new RegExp(`ANSWER: ${answers},`))
      assert.equal(/flags: qr aa tc rd;/.test(output), answers < 40)
      assert.doesNotMatch(output, /malformed|extra bytes|bad packet/i)
    })
  }

  test('EDNS: the size is echoed, an unknown version refused, a cookie ignored', async () => {
    assert.match(await dig('web.service.consul', '+bufsize=4096'), /EDNS: version: 0, flags:; udp: 4096/)
    assert.match(await dig('web.service.consul', '+edns=1', '+noednsneg'), /status: BADVERS/)
    assert.match(await dig('web.service.consul', '+dnssec', '+cookie'), /flags: do; udp/)
  })
})
