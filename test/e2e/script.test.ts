/** A script that calls a service and has nothing else to do ends by itself: discovery's waiting keeps no process alive. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as z from 'zod'
import { op, serve, service } from '../../src/index.ts'
import { startRegistry } from '../../src/registry/index.ts'
import { run, scratch } from '../support/up.ts'

const SCRIPT = `
import { client } from 'skein'
const users = client('users')
console.log(JSON.stringify(await users.get({ id: '7' })))
`

test('a script with a typed call prints its answer and ends', { timeout: 30_000 }, async () => {
  const registry = await startRegistry({ port: 0 })
  const users = service('users', {
    get: op({ route: 'GET /user/:id', in: z.object({ id: z.string() }) }, ({ id }) => ({ id })),
  })
  const running = await serve(users, { registry: registry.url, env: {}, signals: false, drainDelayMs: 0 })
  const { dir, remove } = scratch('script')
  try {
    const file = path.join(dir, 'script.ts')
    writeFileSync(file, SCRIPT)
    const { code, stdout, stderr } = await run(process.execPath, [file], dir, {
      ...process.env,
      SKEIN_REGISTRY: registry.url,
    })
    assert.deepEqual([code, stdout.trim()], [0, '{"id":"7"}'], stderr)
  } finally {
    remove()
    await running.close()
    await registry.close()
  }
})
