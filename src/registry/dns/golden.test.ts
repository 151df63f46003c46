/** What a real Consul 1.8.7 answered, and what a modern one does where they differ. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { usableInstances } from './instances.ts'
import { type AskOptions, ask } from './peer.fixture.ts'
import { exampleView, NOW } from './zone.fixture.ts'

const SOA = [`consul SOA ns.consul hostmaster.consul ${NOW} 3600 600 86400 0`]
const META = 'TXT consul-network-segment='
const NODE_META = `node1.node.dc1.consul ${META}`
const WEB = ['A 127.0.0.11', 'A 127.0.0.12']
const WEB_SRV = ['SRV 1 2 8002 7f00000c.addr.dc1.consul', 'SRV 1 5 8001 7f00000b.addr.dc1.consul']
const WEB_GLUE = ['7f00000b.addr.dc1.consul A 127.0.0.11', '7f00000c.addr.dc1.consul A 127.0.0.12', NODE_META]
const V6 = '00000000000000000000000000000001.addr.dc1.consul'

interface Expected {
  readonly answer?: readonly string[]
  readonly authority?: readonly string[]
  readonly additional?: readonly string[]
  readonly rcode?: string
  readonly aa?: boolean
}

const noData: Expected = { authority: SOA }
const nxDomain: Expected = { rcode: 'NXDOMAIN', authority: SOA }

/** Questions (several with the same answer), and what differs from an empty NOERROR of ours. */
const CASES: readonly (readonly [questions: string, expected: Expected])[] = [
  ['web.service.consul A, web.service.consul ANY, web.service.consul TXT, WEB.Service.Consul A', { answer: WEB }],
  ['web.service.dc1.consul A, web.service.DC1.dc.consul A, _web._tcp.service.consul A', { answer: WEB }],
  ['web.service.consul AAAA, web.service.consul MX', noData],
  ['web.service.consul SRV, _web._tcp.service.consul SRV', { answer: WEB_SRV, additional: WEB_GLUE }],
  ['_WEB._TCP.service.dc1.consul SRV', { answer: WEB_SRV, additional: WEB_GLUE }],
  ['v1.web.service.consul A, prod.web.service.consul A, PROD.web.service.consul A', { answer: ['A 127.0.0.11'] }],
  ['_web._v2.service.consul SRV', { answer: [WEB_SRV[0]!], additional: [WEB_GLUE[1]!, NODE_META] }],
  ['v9.web.service.consul A, _web._udp.service.consul SRV', nxDomain],
  ['web.service.dc9.consul A, web.service.dc1.more.consul A, web.service.dc9.dc.consul A', nxDomain],
  ['web.service.dc.consul A, web.service.dc1.dc.dc.consul A, web.service.dc1.peer.consul A', nxDomain],
  ['noaddr.service.consul A', { answer: ['A 127.0.0.1'] }],
  [
    'noaddr.service.consul SRV',
    { answer: ['SRV 1 1 9 node1.node.dc1.consul'], additional: ['node1.node.dc1.consul A 127.0.0.1', NODE_META] },
  ],
  ['named.service.consul A, named.service.consul AAAA', { answer: ['CNAME host.example.com'] }],
  ['named.service.consul SRV', { answer: ['SRV 1 1 9 host.example.com'], additional: [NODE_META] }],
  ['v6.service.consul AAAA, v6.service.consul ANY', { answer: ['AAAA ::1'] }],
  ['v6.service.consul A', noData],
  ['v6.service.consul SRV', { answer: [`SRV 1 1 9 ${V6}`], additional: [`${V6} AAAA ::1`, NODE_META] }],
  ['down.service.consul A, down.service.consul SRV, nope.service.consul A', nxDomain],
  ['same.service.consul A', { answer: ['A 127.0.0.30'] }],
  [
    'same.service.consul SRV',
    {
      answer: ['SRV 1 1 1 7f00001e.addr.dc1.consul', 'SRV 1 1 2 7f00001e.addr.dc1.consul'],
      additional: ['7f00001e.addr.dc1.consul A 127.0.0.30', NODE_META],
    },
  ],
  [
    'node1.node.consul A, node1.node.dc1.consul A, node1.node.dc1.dc.consul A, NODE1.node.consul A',
    { answer: ['A 127.0.0.1'], additional: [META] },
  ],
  ['node1.node.consul TXT', { answer: [META] }],
  ['node1.node.consul ANY', { answer: ['A 127.0.0.1', META] }],
  ['node1.node.consul AAAA', noData],
  ['7f00000b.addr.dc1.consul A, 7F00000B.addr.consul A', { answer: ['A 127.0.0.11'] }],
  ['c0000201.addr.consul A', { answer: ['A 192.0.2.1'] }],
  [`${V6} AAAA`, { answer: ['AAAA ::1'] }],
  [`7f00000b.addr.consul AAAA, 7f00000b.addr.consul SRV, ${V6} A`, noData],
  ['7f00000.addr.consul A, xf00000b.addr.consul A, a.7f00000b.addr.consul A', nxDomain],
  [
    'consul SOA',
    {
      answer: ['SOA ns.consul hostmaster.consul 1700000000 3600 600 86400 0'],
      authority: ['NS node1.node.dc1.consul'],
      additional: ['node1.node.dc1.consul A 127.0.0.1'],
    },
  ],
  ['consul NS', { answer: ['NS node1.node.dc1.consul'], additional: ['node1.node.dc1.consul A 127.0.0.1'] }],
  ['service.consul A, web.consul A, nope.node.consul A, nope.query.consul A', nxDomain],
  ['example.com A, web.service.other A, myconsul A', { rcode: 'REFUSED', aa: false }],
  ['11.0.0.127.in-addr.arpa PTR', { answer: ['PTR web.service.dc1.consul'] }],
  ['1.0.0.127.in-addr.arpa PTR', { answer: ['PTR node1.node.dc1.consul'] }],
  [`${[...'1'.padStart(32, '0')].reverse().join('.')}.ip6.arpa PTR`, { answer: ['PTR v6.service.dc1.consul'] }],
  ['30.0.0.127.in-addr.arpa PTR', { answer: ['PTR same.service.dc1.consul'] }],
  ['99.0.0.127.in-addr.arpa PTR, 0.0.127.in-addr.arpa PTR, x.0.0.127.in-addr.arpa PTR', { rcode: 'NXDOMAIN' }],
  ['999.0.0.127.in-addr.arpa PTR, in-addr.arpa PTR, 1.ip6.arpa PTR', { rcode: 'NXDOMAIN' }],
  ['pqdns.query.consul A, _pqdns._tcp.query.consul A', { answer: WEB.map((line) => `10 ${line}`) }],
]

const view = exampleView({
  findQuery: (name) => (name === 'pqdns' ? { instances: usableInstances('web', '', view), ttl: 10 } : undefined),
})

for (const [questions, expected] of CASES) {
  for (const question of questions.split(', ')) {
    test(question, () => {
      const shown = ask(view, question)
      assert.deepEqual(shown, {
        rcode: 'NOERROR',
        aa: true,
        tc: false,
        ra: false,
        question,
        answer: [],
        authority: [],
        additional: [],
        edns: undefined,
        bytes: shown.bytes,
        ...expected,
      })
    })
  }
}

test('consul A: NXDOMAIN, the SOA under the name that was asked', () => {
  const { rcode, authority } = ask(view, 'consul A')
  assert.deepEqual([rcode, authority], ['NXDOMAIN', SOA.map((line) => line.replace('consul ', ''))])
})

/** Of 40 instances. TC, unlike Consul, wherever something is missing. */
const SIZES: readonly (readonly [question: string, options: AskOptions, answers: number])[] = [
  ['many.service.consul A', {}, 3],
  ['many.service.consul A', { edns: 1232 }, 40],
  ['many.service.consul A', { edns: 4096 }, 40],
  ['many.service.consul A', { transport: 'tcp' }, 40],
  ['many.service.consul SRV', {}, 3],
  ['many.service.consul SRV', { edns: 1232 }, 19],
  ['many.service.consul SRV', { edns: 8192 }, 40],
  ['many.service.consul SRV', { transport: 'tcp' }, 40],
]

for (const [question, options, answers] of SIZES) {
  test(`${question} by ${JSON.stringify(options)}: ${answers} of 40`, () => {
    const shown = ask(view, question, options)
    assert.equal(shown.answer.length, answers)
    assert.equal(shown.tc, answers < 40)
    assert.equal(shown.edns, options.edns)
    assert.ok(shown.bytes <= (options.edns ?? (options.transport === 'tcp' ? 65_535 : 512)), `${shown.bytes} bytes`)
  })
}
