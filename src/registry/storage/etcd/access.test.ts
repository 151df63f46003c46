/** A real etcd that lets in only who has a certificate, and only who has logged in. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { makeAuthority, needsCertificates } from '../../../../test/support/certificates.ts'
import { type EtcdCluster, needsEtcd, startEtcd } from '../../../../test/support/etcd.ts'
import { eventually } from '../../../../test/support/up.ts'
import { Store } from '../../store.ts'
import { EtcdStorage } from '../etcd.ts'
import type { EtcdAccess } from './access.ts'

const skip = needsEtcd() || needsCertificates()
const dir = mkdtempSync(path.join(tmpdir(), 'skein-etcd-access-'))
const closing: (() => Promise<void>)[] = []
after(async () => {
  for (const close of closing.reverse()) await close()
  rmSync(dir, { recursive: true })
})

async function cluster(settings: Parameters<typeof startEtcd>[0]): Promise<EtcdCluster> {
  const started = await startEtcd(settings)
  closing.push(() => started.close())
  return started
}

async function open({ urls }: EtcdCluster, access: EtcdAccess, prefix = '/mine'): Promise<Store> {
  const store = new Store(new EtcdStorage({ endpoints: urls, access, prefix }))
  await store.open()
  closing.push(() => store.close())
  return store
}

const set = (store: Store, key: string) => store.write({ type: 'kv-set', key, value: '', flags: '0' })

test('TLS both ways: the authority is believed, the own certificate is shown, renewed files count', {
  skip,
}, async () => {
  const certify = makeAuthority(dir)
  const etcd = await cluster({ tls: certify('etcd') })
  const { ca, cert, key } = certify('registry')
  const own = { ca: path.join(dir, 'used-ca'), cert: path.join(dir, 'used-cert'), key: path.join(dir, 'used-key') }
  const use = (certificate: string) => {
    for (const [from, to] of [
      [ca, own.ca],
      [certificate, own.cert],
      [key, own.key],
    ] as const)
      copyFileSync(from, to)
  }
  use(cert)
  const store = await open(etcd, { tls: own })
  await set(store, 'x')
  await eventually('the view to catch up', () => store.catchUp())
  await (await open(etcd, { tls: { ca, cert, key, serverName: 'etcd' } })).write({
    ...{ type: 'kv-set', key: 'y', value: '', flags: '0' },
  })

  await Promise.all([
    assert.rejects(open(etcd, { tls: { cert, key } }), /No cluster leader .*certificate/, 'an authority of nobody'),
    assert.rejects(open(etcd, { tls: { ca } }), /No cluster leader/, 'no certificate of its own'),
    assert.rejects(open(etcd, { tls: { ca, cert, key, serverName: 'other' } }), /No cluster leader .*other/),
  ])
  assert.throws(() => new EtcdStorage({ endpoints: etcd.urls, access: { tls: { ca: '/nowhere.pem' } } }), {
    code: 'STORAGE_FAILED',
    message: /the ca file \/nowhere\.pem cannot be read/,
  })

  // The connection is lost, and the key on disk is no longer the one of the certificate: nothing goes until both are.
  copyFileSync(certify('other').key, own.key)
  await etcd.members[0]!.signal('SIGKILL')
  await etcd.members[0]!.restart()
  await assert.rejects(set(store, 'z'), /No cluster leader/)
  use(cert)
  await eventually('a write with the renewed files', () => set(store, 'z').then(() => true))
})

/** As its manual says: a root, a user with a role on one prefix, and then authentication is on. */
async function protect(etcd: EtcdCluster): Promise<void> {
  const text = (plain: string) => Buffer.from(plain).toString('base64')
  const permission = { permType: 'READWRITE', key: text('/mine/'), range_end: text('/mine0') }
  for (const [path, body] of [
    ['auth/user/add', { name: 'root', password: 'root' }],
    ['auth/role/add', { name: 'root' }],
    ['auth/user/grant', { user: 'root', role: 'root' }],
    ['auth/user/add', { name: 'skein', password: 'hunter2' }],
    ['auth/role/add', { name: 'registry' }],
    ['auth/role/grant', { name: 'registry', perm: permission }],
    ['auth/user/grant', { user: 'skein', role: 'registry' }],
    ['auth/enable', {}],
  ] as const) {
    await etcd.call(path, body)
  }
}

test('a user behind a certificate: it must have no common name, or the way out is told', { skip }, async () => {
  const certify = makeAuthority(dir)
  const server = certify('server', '/')
  const etcd = await cluster({ size: 3, tls: server })
  await protect(etcd)
  const user = { user: 'skein', password: 'hunter2' }
  const store = await open(etcd, { ...user, tls: certify('nameless', '/') })
  await set(store, 'x')
  await (await etcd.leader()).signal('SIGKILL')
  await eventually('a write by another member', () => set(store, 'y').then(() => true))
  await assert.rejects(open(etcd, { ...user, tls: certify('named') }), /CommonName of client.*no common name/)
})

test('user and password: turned on under way, tokens forgotten, wrong ones refused with the way out', {
  skip,
}, async () => {
  const etcd = await cluster({})
  const access = { user: 'skein', password: 'hunter2' }
  const store = await open(etcd, access)
  await set(store, 'before')
  await protect(etcd)
  await eventually('a write after authentication was turned on', () => set(store, 'x').then(() => true))
  const node = { Node: 'n', ID: '', Address: '', TaggedAddresses: null, Meta: null }
  const rest = { skipNodeUpdate: true, checks: [], keepStatus: true, replaceChecks: false }
  await store.write({ type: 'register', node, ...rest })
  const session = { ID: 's', Name: '', Node: 'n', LockDelay: 0, Behavior: 'release', TTL: '10s' } as const
  await store.write({ type: 'session-create', session: { ...session, NodeChecks: [], ServiceChecks: null } })
  assert.equal(await store.sessionTime?.renew(store.state.sessions.get('s')!), true)

  await etcd.members[0]!.signal('SIGKILL')
  await etcd.members[0]!.restart()
  await eventually('a write with a new token', () => set(store, 'y').then(() => true))
  assert.equal((await open(etcd, access)).state.kv.size, 3)

  const denied = (wrong: EtcdAccess, prefix?: string) =>
    assert.rejects(open(etcd, wrong, prefix), (error: Error) => {
      assert.match(error.message, /SKEIN_ETCD_PASSWORD.*grant-permission/)
      assert.doesNotMatch(`${error.message} ${JSON.stringify(error)} ${error.stack}`, /hunter/)
      return true
    })
  await denied({})
  await denied({ user: 'skein', password: 'hunter3' })
  await denied(access, '/elsewhere')
})
