/** What can be set, and what Consul's users miss. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges, resetIndexes } from '../state/apply.ts'
import { decide } from '../state/decide.ts'
import { parseIp, toHex } from './address.ts'
import { ask } from './peer.fixture.ts'
import { type DnsOptions, dnsSettings } from './settings.ts'
import { exampleView, many, OWN_NODE, register, registerNode, type ServiceInput } from './zone.fixture.ts'

const answers = (question: string, settings: DnsOptions, services?: readonly ServiceInput[]) =>
  ask(exampleView({ settings, ...(services && { services }) }), question).answer

test('TTLs by service: the exact name, else the longest beginning, else the star', () => {
  const names = ['db', 'db-read', 'db-read-1', 'Web']
  const services = names.map((name) => ({ id: name, name, address: '127.0.0.9' }))
  const settings = { serviceTtl: { '*': 1, 'db-*': 2, 'db-read*': 3, DB: 4 } }
  const ttls = names.map((name) => answers(`${name}.service.consul A`, settings, services))
  assert.deepEqual(ttls.flat(), ['4 A 127.0.0.9', '3 A 127.0.0.9', '3 A 127.0.0.9', '1 A 127.0.0.9'])
})

test('TTLs of nodes, of PTR and of negative answers', () => {
  const view = exampleView({ settings: { nodeTtl: 7, serviceTtl: { '*': 8 }, soa: { minTtl: 9 } } })
  assert.deepEqual(ask(view, 'node1.node.consul A').answer, ['7 A 127.0.0.1'])
  assert.deepEqual(ask(view, '1.0.0.127.in-addr.arpa PTR').answer, ['7 PTR node1.node.dc1.consul'])
  assert.deepEqual(ask(view, '11.0.0.127.in-addr.arpa PTR').answer, ['8 PTR web.service.dc1.consul'])
  const [soa] = ask(view, 'nope.service.consul A').authority
  assert.match(soa!, /^consul 9 SOA .* 9$/)
})

test('onlyPassing leaves out warnings', () => {
  assert.deepEqual(answers('web.service.consul A', { onlyPassing: true }), ['A 127.0.0.11'])
})

test('aRecordLimit holds for addresses, over TCP too, is no truncation, and spares SRV', () => {
  const view = exampleView({ settings: { aRecordLimit: 5 } })
  const shown = ask(view, 'many.service.consul A', { transport: 'tcp' })
  assert.deepEqual([shown.answer.length, shown.tc], [5, false])
  assert.equal(ask(view, 'many.service.consul SRV', { transport: 'tcp' }).answer.length, 40)
})

test('udpAnswerLimit is for clients without EDNS', () => {
  const view = exampleView({ settings: { udpAnswerLimit: 8 } })
  assert.equal(ask(view, 'many.service.consul A').answer.length, 8)
  assert.equal(ask(view, 'many.service.consul A', { edns: 1232 }).answer.length, 40)
})

test('truncate: false cuts in silence, as Consul does', () => {
  const shown = ask(exampleView({ settings: { truncate: false } }), 'many.service.consul A')
  assert.deepEqual([shown.answer.length, shown.tc], [3, false])
})

test('nodeMetaTxt: false keeps metadata for those who ask for it', () => {
  const view = exampleView({ settings: { nodeMetaTxt: false } })
  assert.deepEqual(ask(view, 'node1.node.consul A').additional, [])
  assert.deepEqual(ask(view, 'web.service.consul SRV').additional.length, 2)
  assert.deepEqual(ask(view, 'node1.node.consul TXT').answer, ['TXT consul-network-segment='])
})

test('another domain, of several labels', () => {
  const view = exampleView({ settings: { domain: 'Svc.Example.' } })
  assert.deepEqual(ask(view, 'v1.web.service.svc.EXAMPLE A').answer, ['A 127.0.0.11'])
  assert.deepEqual(ask(view, 'web.service.svc.example SRV').answer[0], 'SRV 1 2 8002 7f00000c.addr.dc1.svc.example')
  assert.equal(ask(view, 'web.service.consul A').rcode, 'REFUSED')
})

test('bad settings are refused by name', () => {
  assert.throws(() => dnsSettings({ nodeTtl: -1 }), /dns\.nodeTtl: -1 /)
  assert.throws(() => dnsSettings({ serviceTtl: { web: 1.5 } }), /dns\.serviceTtl\['web'\]: 1\.5 /)
  assert.throws(() => dnsSettings({ domain: 'a..b' }), /dns\.domain: 'a\.\.b' /)
})

test('every instance comes first about as often as the others', () => {
  const view = exampleView({ services: many('web', 5), settings: { udpAnswerLimit: 1 } })
  const first = new Map<string, number>()
  for (let i = 0; i < 5000; i++) {
    const [answer] = ask(view, 'web.service.consul A').answer
    first.set(answer!, (first.get(answer!) ?? 0) + 1)
  }
  assert.deepEqual(
    [...first.values()].map((count) => Math.abs(count - 1000) < 150),
    [true, true, true, true, true],
  )
})

test('a critical node takes its instances with it, a warning one gives them their warning weight', () => {
  const view = exampleView({ services: [] })
  const web = { name: 'web', weights: { Passing: 5, Warning: 2 } }
  register(view.state, { ...web, id: 'a', address: '127.0.0.1' }, { name: 'n2', address: '127.0.0.2' })
  register(view.state, { ...web, id: 'b', address: '127.0.0.2' }, { name: 'n3', address: '127.0.0.3' })
  registerNode(view.state, { name: 'n2', address: '127.0.0.2', status: 'critical' })
  registerNode(view.state, { name: 'n3', address: '127.0.0.3', status: 'warning' })
  assert.deepEqual(ask(view, 'web.service.consul SRV').answer, ['SRV 1 2 9 7f000002.addr.dc1.consul'])
  assert.deepEqual(ask(view, 'n2.node.consul A').answer, ['A 127.0.0.2'])
})

test('what is registered, changed and removed between two questions is seen', () => {
  const view = exampleView({ services: [] })
  const addressed = (address: string) => register(view.state, { id: 'a', name: 'Web', address })
  assert.equal(ask(view, 'web.service.consul A').rcode, 'NXDOMAIN')
  addressed('127.0.0.5')
  assert.deepEqual(ask(view, 'web.service.consul A').answer, ['A 127.0.0.5'])
  assert.equal(ask(view, '6.0.0.127.in-addr.arpa PTR').rcode, 'NXDOMAIN')
  addressed('127.0.0.6')
  assert.deepEqual(ask(view, 'WEB.service.consul A').answer, ['A 127.0.0.6'])
  assert.deepEqual(ask(view, '6.0.0.127.in-addr.arpa PTR').answer, ['PTR Web.service.dc1.consul'])
  const gone = decide(view.state, { type: 'deregister', node: OWN_NODE.name, serviceId: 'a' })
  applyChanges(view.state, gone.changes, view.state.index + 1)
  assert.equal(ask(view, 'web.service.consul A').rcode, 'NXDOMAIN')
})

test('names of a store that went back in time are those that it has now, also at an index that was there before', () => {
  const view = exampleView({ services: [{ id: 'a', name: 'a', address: '127.0.0.5' }] })
  const { state } = view
  const { index } = state
  assert.deepEqual(ask(view, 'a.service.consul A').answer, ['A 127.0.0.5'])
  assert.equal(ask(view, 'b.service.consul A').rcode, 'NXDOMAIN')
  register(state, { id: 'b', name: 'b', address: '127.0.0.6' })
  resetIndexes(state, index)
  assert.deepEqual(ask(view, 'b.service.consul A').answer, ['A 127.0.0.6'])
  assert.deepEqual(ask(view, '6.0.0.127.in-addr.arpa PTR').answer, ['PTR b.service.dc1.consul'])
})

test('services whose names differ in case alone are one in DNS', () => {
  const services = ['web', 'WEB'].map((name, i) => ({ id: name, name, address: `127.0.0.${i + 1}` }))
  assert.deepEqual(answers('Web.service.consul A', {}, services), ['A 127.0.0.1', 'A 127.0.0.2'])
})

test('tags and node names may hold dots', () => {
  const view = exampleView({ services: [{ id: 'a', name: 'web', tags: ['v1.2'], address: '127.0.0.5' }] })
  registerNode(view.state, { name: 'n2.rack7', address: '127.0.0.7' })
  assert.deepEqual(ask(view, 'v1.2.web.service.consul A').answer, ['A 127.0.0.5'])
  assert.deepEqual(ask(view, 'n2.rack7.node.consul A').answer, ['A 127.0.0.7'])
})

test('services may be called like a kind of name', () => {
  const services = ['node', 'service'].map((name, i) => ({ id: name, name, address: `127.0.0.${i + 1}` }))
  assert.deepEqual(answers('node.service.consul A', {}, services), ['A 127.0.0.1'])
  assert.deepEqual(answers('service.service.consul A', {}, services), ['A 127.0.0.2'])
})

test('an alias stands alone: addresses are preferred to host names, of which one is given', () => {
  const hosts = ['a.example', 'b.example'].map((address) => ({ id: address, name: 'ext', address }))
  assert.equal(answers('ext.service.consul A', {}, hosts).length, 1)
  const mixed = [...hosts, { id: 'ip', name: 'ext', address: '127.0.0.5' }]
  assert.deepEqual(answers('ext.service.consul A', {}, mixed), ['A 127.0.0.5'])
  assert.equal(answers('ext.service.consul SRV', {}, mixed).length, 3)
})

test('an alias to a name of ours is followed, a loop is left', () => {
  const services = [
    { id: 'a', name: 'alias', address: 'v1.web.service.consul' },
    { id: 'w', name: 'web', tags: ['v1'], address: '127.0.0.5' },
    { id: 'x', name: 'x', address: 'y.service.consul' },
    { id: 'y', name: 'y', address: 'x.service.consul' },
    { id: 'self', name: 'self', address: 'self.service.consul' },
  ]
  assert.deepEqual(answers('alias.service.consul A', {}, services), [
    'CNAME v1.web.service.consul',
    'v1.web.service.consul A 127.0.0.5',
  ])
  assert.ok(answers('x.service.consul A', { udpAnswerLimit: 20 }, services).length < 10)
  assert.deepEqual(answers('self.service.consul A', {}, services), ['A 127.0.0.1'])
})

test('names that no DNS message can hold do no harm', () => {
  const view = exampleView({ services: [{ id: 'bad', name: 'bad', address: `${'a'.repeat(64)}.example` }] })
  const node = { name: 'n'.repeat(64), address: '127.0.0.7', meta: { a: 'b' } }
  register(view.state, { id: 'on-it', name: 'on-it' }, node)
  assert.equal(ask(view, 'bad.service.consul SRV').answer.length, 0)
  assert.deepEqual(ask(view, 'on-it.service.consul SRV').answer, ['SRV 1 1 9 7f000007.addr.dc1.consul'])
  assert.deepEqual(ask(view, '7.0.0.127.in-addr.arpa PTR').answer, [])
})

test('long metadata is one TXT record of several strings', () => {
  const view = exampleView({ services: [] })
  registerNode(view.state, { name: 'n2', address: '127.0.0.2', meta: { long: 'x'.repeat(500), 'rfc1035-raw': 'raw' } })
  assert.deepEqual(ask(view, 'n2.node.consul TXT', { edns: 1232 }).answer, [`TXT long=${'x'.repeat(500)}`, 'TXT raw'])
})

test('metadata is left out before an address is, without TC', () => {
  const view = exampleView({ services: [] })
  registerNode(view.state, { name: 'n2', address: '127.0.0.2', meta: { long: 'x'.repeat(500) } })
  const { answer, additional, tc } = ask(view, 'n2.node.consul A')
  assert.deepEqual({ answer, additional, tc }, { answer: ['A 127.0.0.2'], additional: [], tc: false })
})

test('one answer is sent however little room there is', () => {
  const service = `s${'x'.repeat(61)}`
  const name = [...Array.from({ length: 2 }, () => 't'.repeat(60)), service].join('.')
  const address = [...Array.from({ length: 3 }, () => 'h'.repeat(60)), 'example'].join('.')
  const tags = [name.slice(0, -service.length - 1)]
  const services = ['a', 'b'].map((id) => ({ id, name: service, tags, address }))
  const { answer, tc, bytes } = ask(exampleView({ services }), `${name}.service.consul SRV`)
  assert.deepEqual([answer.length, tc], [1, true])
  assert.ok(bytes <= 512)
})

test('addresses in every notation', () => {
  const notations = {
    '127.0.0.1': '7f000001',
    '::ffff:127.0.0.1': '7f000001',
    '::': '0'.repeat(32),
    '::1': '1'.padStart(32, '0'),
    'fe80::1%eth0': `fe80${'1'.padStart(28, '0')}`,
    '2001:db8:1:2:3:4:5:6': '20010db8000100020003000400050006',
    '64:ff9b::192.0.2.1': `0064ff9b${'c0000201'.padStart(24, '0')}`,
  }
  for (const [text, hex] of Object.entries(notations)) assert.equal(toHex(parseIp(text)!), hex, text)
  for (const text of ['', 'host', '1.2.3', '1.2.3.4.5', ':::1']) assert.equal(parseIp(text), undefined, text)
})

test('more metadata than a message can count is left out', () => {
  const view = exampleView({ services: [] })
  const meta = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`key${i}`, 'value']))
  for (let i = 0; i < 1050; i++) {
    register(view.state, { id: `a${i}`, name: 'big' }, { name: `n${i}`, address: `10.0.${i >> 8}.${i & 255}`, meta })
  }
  const { answer, additional, tc } = ask(view, 'big.service.consul SRV', { transport: 'tcp' })
  assert.deepEqual([answer.length, additional.length, tc], [1050, 1050, false])
})

test('metadata is looked at for those instances only that are told of', () => {
  const view = exampleView()
  let looked = 0
  const settings = {
    ...view.settings,
    get nodeMetaTxt() {
      looked++
      return true
    },
  }
  for (const [options, most] of [
    [{}, 3],
    [{ edns: 1232 }, 0],
    [{ transport: 'tcp' }, 40],
  ] as const) {
    looked = 0
    ask({ ...view, settings }, 'many.service.consul SRV', options)
    assert.ok(looked <= 2 * most, `${looked} times`)
  }
})

test('a name server whose node and address are no names of DNS', () => {
  for (const name of ['n'.repeat(64), 'a..b']) {
    const view = { ...exampleView({ services: [] }), node: name }
    registerNode(view.state, { name, address: 'host.example' })
    assert.deepEqual(ask(view, 'consul NS').answer, ['NS ns.consul'])
    registerNode(view.state, { name, address: '127.0.0.9' })
    assert.deepEqual(ask(view, 'consul NS').answer, ['NS 7f000009.addr.dc1.consul'])
  }
})

test('TCP: as many as fit into 64 KiB of 3000 instances', () => {
  const services = Array.from({ length: 3000 }, (_, i) => ({
    id: `a${i}`,
    name: 'big',
    address: `127.1.${i >> 8}.${i & 255}`,
  }))
  const view = exampleView({ services })
  for (const [type, least] of [
    ['SRV', 900],
    ['A', 3000],
  ] as const) {
    const { answer, bytes, tc } = ask(view, `big.service.consul ${type}`, { transport: 'tcp' })
    assert.ok(answer.length >= least && bytes <= 65_535, `${answer.length} ${type} in ${bytes} bytes`)
    assert.equal(tc, answer.length < 3000)
  }
})
