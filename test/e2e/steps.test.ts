/** A gateway with steps of the user's own under `skein up`: the functions stand in the config file, and change with it. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { eventually, scratch, up } from '../support/up.ts'

const config = ({ gateway, registry }: { gateway: number; registry: number }) => `
import { fleet } from 'skein'
import { tenant } from './tenant.ts'

export default fleet({
  services: { files: { command: 'node server.mjs' } },
  registry: { port: ${registry} },
  gateway: {
    port: ${gateway},
    routes: [
      { path: '/closed', to: 'files', steps: [() => new Response('first answer', { status: 403 })] },
      { path: '/*', to: 'files', steps: [async (request) => request.setHeader('x-tenant', tenant)] },
    ],
  },
})
`
const server = `
import { createServer } from 'node:http'
createServer((request, response) => response.end(request.headers['x-tenant'] ?? 'nobody')).listen(Number(process.env.PORT))
`

test("functions of the config run in the gateway's process, and a change of one is taken up", async (t) => {
  const { dir, remove } = scratch('steps')
  t.after(remove)
  writeFileSync(path.join(dir, 'server.mjs'), server)
  writeFileSync(path.join(dir, 'tenant.ts'), "export const tenant = 'acme'")
  const it = await up(dir, config, ['/'])
  t.after(() => it.end())
  const ask = async (target: string) => (await fetch(it.gateway + target)).text()
  assert.equal(await ask('/'), 'acme')
  assert.equal(await ask('/closed'), 'first answer')
  const file = path.join(dir, 'skein.config.ts')
  writeFileSync(file, readFileSync(file, 'utf8').replace('first answer', 'second answer'))
  await eventually('the changed step', async () => (await ask('/closed')) === 'second answer')
  // What the config imports is another matter: Node has it already.
  writeFileSync(path.join(dir, 'tenant.ts'), "export const tenant = 'other'")
  assert.equal((await it.skein('restart', 'gateway')).code, 0)
  assert.equal(await eventually('the gateway again', () => ask('/')), 'other')
})
