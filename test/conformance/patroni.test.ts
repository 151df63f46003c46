/**
 * Patroni, which keeps PostgreSQL clusters alive, elects its leader by sessions and locks of Consul. Here it does so by ours: one
 * leads, the other follows; the leader is killed, the other takes over, and what was committed is there.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { RegistryOptions } from '../../src/registry/index.ts'
import { testRegistry } from '../../src/registry/test-kit.fixture.ts'
import { needsEtcd, startEtcd } from '../support/etcd.ts'
import { findProgram } from '../support/needs.ts'
import { needsPatroni, type PatroniNode, startPatroni } from '../support/patroni.ts'
import { eventually } from '../support/up.ts'

const TTL_SECONDS = 6

/** Two registries: the same one twice, or two over one etcd. */
async function failOver(t: TestContext, options: RegistryOptions, shared: boolean): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-patroni-'))
  chmodSync(dir, 0o755)
  const open = () => testRegistry({ ...options, sessionTtlMinMs: 1000 })
  const first = await open()
  const second = shared ? await open() : first
  const nodes: PatroniNode[] = []
  t.after(async () => {
    await Promise.all(nodes.map((node) => node.kill()))
    await Promise.all([first.close(), second.close()])
    rmSync(dir, { recursive: true, force: true })
  })
  const start = async (name: string, { url }: { url: string }) => {
    const node = await startPatroni({ dir, name, registry: new URL(url).host, ttlSeconds: TTL_SECONDS })
    nodes.push(node)
    return node
  }
  const until = (what: string, done: () => Promise<boolean>) =>
    eventually(what, done, 60_000).catch((error) => {
      throw new Error(nodes.map((node) => node.output().slice(-3000)).join('\n'), { cause: error })
    })
  const leaderKey = async () => {
    const [pair] = (await second.get('/v1/kv/service/flock/leader')).json() as { Value: string; Session?: string }[]
    return { name: Buffer.from(pair!.Value, 'base64').toString(), session: pair!.Session }
  }

  const one = await start('one', first)
  await until('the first to lead', () => one.is('leader'))
  const two = await start('two', second)
  await until('the second to follow', () => two.is('replica'))
  const before = await leaderKey()
  assert.equal(before.name, 'one')
  assert.ok(before.session)
  sql(one, 'CREATE TABLE geese (name text)')
  sql(one, "INSERT INTO geese VALUES ('grey')")
  await until('the follower to have it', async () => query(two, 'SELECT name FROM geese') === 'grey')

  await one.kill()
  await until('the second to lead', () => two.is('leader'))
  const after = await leaderKey()
  assert.equal(after.name, 'two')
  assert.notEqual(after.session, before.session)
  assert.equal(query(two, 'SELECT name FROM geese'), 'grey')
  // Patroni calls it leader a moment before PostgreSQL has ended its recovery.
  await until('the second to take writes', async () => query(two, 'SELECT pg_is_in_recovery()') === 'f')
  sql(two, "INSERT INTO geese VALUES ('white')")
  await until('the service to name the new one', async () => {
    const entries = (await first.get('/v1/health/service/flock?passing&tag=master')).json() as {
      Service: { Port: number }
    }[]
    return entries.length === 1 && entries[0]!.Service.Port === two.port
  })
}

function query({ port }: PatroniNode, text: string): string {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-Atq', '-v', 'ON_ERROR_STOP=1', '-c', text]
  return spawnSync(findProgram('psql')!, [...args, 'postgres'], { encoding: 'utf8' }).stdout.trim()
}

function sql(node: PatroniNode, text: string): void {
  assert.equal(query(node, `${text}; SELECT 'done'`), 'done', text)
}

const limit = { timeout: 170_000 }

test('Patroni elects a leader and fails over by one registry', { skip: needsPatroni(), ...limit }, (t) =>
  failOver(t, {}, false),
)

test('Patroni elects a leader and fails over by two registries on one etcd', {
  ...{ skip: needsPatroni() || needsEtcd(), ...limit },
}, async (t) => {
  const etcd = await startEtcd()
  try {
    await failOver(t, { storage: { etcd: etcd.urls }, nodeName: 'skein' }, true)
  } finally {
    await etcd.close()
  }
})
