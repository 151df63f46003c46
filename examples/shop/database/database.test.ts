/** Both databases of the shop: the same queries, and many instances that start at once on an empty database. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { needsProgram } from '../../../test/support/needs.ts'
import { type Postgres, startPostgres } from '../../../test/support/postgres.ts'

const INSTANCES = 5

/** Loads what takes long, says so, and waits: so that all instances come to the database in the same moment. */
const AT_ONCE = `
await Promise.all(['kysely', 'pg', 'node:sqlite'].map((name) => import(name)))
console.log('loaded')
await new Promise((resolve) => process.stdin.once('end', resolve).resume())
`

interface Instance {
  readonly loaded: Promise<void>
  /** Lets it go on; gives what it printed as JSON. @throws AssertionError when it fails. */
  finish(): Promise<unknown>
}

/** Runs `script` in a process of its own, which is what an instance is. */
function instance(script: string, env: NodeJS.ProcessEnv): Instance {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', AT_ONCE + script], {
    cwd: import.meta.dirname,
    env: { ...process.env, ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const closed = once(child, 'close')
  return {
    loaded: Promise.race([once(child.stdout, 'data'), closed]).then(() => undefined),
    async finish() {
      child.stdin.end()
      const [code] = await closed
      assert.equal(code, 0, stderr)
      return JSON.parse(stdout.replace('loaded\n', ''))
    },
  }
}

interface UseOfOrders {
  readonly seeded: string[]
  readonly same: { id: string }
  readonly gone: unknown
}

const useOrders = `
const { db } = await import('../orders/db.ts')
const made = await db.create({ userId: '1', item: 'loom', quantity: 3 })
const same = await db.order(made.id)
const seeded = (await db.orders(100)).map(({ id }) => id).filter((id) => id.length === 1)
console.log(JSON.stringify({ seeded, same, gone: await db.order('none') ?? null }))
await db.close()`

interface UseOfUsers {
  readonly one: { name: string }
  readonly first: unknown
  readonly second: unknown
  readonly names: string[]
}

const useUsers = `
const { db } = await import('../users/db.ts')
const first = await db.create({ name: 'Alan', email: 'alan@example.com' })
const second = await db.create({ name: 'Another', email: 'alan@example.com' })
const names = (await db.users(100)).map(({ name }) => name)
console.log(JSON.stringify({ one: await db.user('1'), first: first ?? null, second: second ?? null, names }))
await db.close()`

/** Brings the database `orders` up to date with these steps, each of which is slow enough to be met by other instances. */
const startUp = (steps: readonly string[]) => `
const { openDatabase } = await import('./open.ts')
const slowly = (name) => async (database) => {
  await new Promise((resolve) => setTimeout(resolve, 50))
  await database.schema.createTable(name).addColumn('a', 'text').execute()
}
const steps = ${JSON.stringify(steps)}
const database = await openDatabase('orders', Object.fromEntries(steps.map((name) => [name, slowly(name)])))
const done = await database.selectFrom('migration').select('name').where('name', 'in', steps).orderBy('name').execute()
console.log(JSON.stringify(done.map(({ name }) => name)))
await database.destroy()`

/** What `count` instances print that run `script` at the same time. */
async function outputs<T>(script: string, env: NodeJS.ProcessEnv, count = INSTANCES): Promise<T[]> {
  const instances = Array.from({ length: count }, () => instance(script, env))
  await Promise.all(instances.map(({ loaded }) => loaded))
  return Promise.all(instances.map(({ finish }) => finish() as Promise<T>))
}

/** What every kind of database must do; `env` says where an empty one is. */
function suite(env: () => NodeJS.ProcessEnv): void {
  test(`${INSTANCES} instances migrate and seed an empty database at once, and each writes`, async () => {
    const results = await outputs<UseOfOrders>(useOrders, env())
    for (const { seeded, same, gone } of results) {
      assert.deepEqual(seeded, ['1', '2', '3'])
      assert.deepEqual(same, { id: same.id, userId: '1', item: 'loom', quantity: 3 })
      assert.equal(gone, null)
    }
    assert.equal(new Set(results.map(({ same }) => same.id)).size, INSTANCES)
  })

  test('a second start keeps what is there', async () => {
    const script =
      "const { db } = await import('../orders/db.ts'); console.log((await db.orders(100)).length); await db.close()"
    assert.deepEqual(await outputs(script, env(), 1), [3 + INSTANCES])
  })

  test('a new release adds a step while all instances start again: it runs once', async () => {
    const steps = ['3-first', '4-second']
    assert.deepEqual(await outputs(startUp(steps.slice(0, 1)), env(), 1), [steps.slice(0, 1)])
    for (const done of await outputs(startUp(steps), env())) assert.deepEqual(done, steps)
  })

  test('users are another database; an address is given once, even to instances that ask at the same time', async () => {
    const results = await outputs<UseOfUsers>(useUsers, env())
    assert.equal(results.filter(({ first }) => first !== null).length, 1)
    for (const { one, second, names } of results) {
      assert.equal(one.name, 'Ada Lovelace')
      assert.equal(second, null)
      assert.deepEqual(names, ['Ada Lovelace', 'Alan', 'Edsger Dijkstra', 'Grace Hopper'])
    }
  })
}

describe('on SQLite', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-shop-'))
  after(() => rmSync(folder, { recursive: true }))
  suite(() => ({ SHOP_DATA: path.join(folder, 'data'), DATABASE_URL: undefined }))

  test('an instance that finds a new file locked by another waits for it', async () => {
    const holder = new DatabaseSync(path.join(folder, 'orders.db'))
    holder.exec('BEGIN IMMEDIATE; CREATE TABLE held (a)')
    const waiting = instance(startUp(['1-first']), { SHOP_DATA: folder, DATABASE_URL: undefined })
    await waiting.loaded
    const result = waiting.finish()
    await new Promise((resolve) => setTimeout(resolve, 200)) // it is now, most likely, waiting
    holder.exec('COMMIT')
    assert.deepEqual(await result, ['1-first'])
    holder.close()
  })
})

describe('on PostgreSQL', { skip: needsProgram('postgres', 'postgresql') }, () => {
  let postgres: Postgres
  let url: string
  before(async () => {
    postgres = await startPostgres()
    url = postgres.database('shop')
  })
  after(() => postgres?.close())
  suite(() => ({ DATABASE_URL: url }))
})
