/** A gateway of several workers under `skein up`: started, shown, changed, restarted and ended as one. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import path from 'node:path'
import { test } from 'node:test'
import { alive, eventually, scratch, type Up, up } from '../support/up.ts'

const config = ({ gateway, registry }: { gateway: number; registry: number }) => `
import { fleet } from 'skein'

export default fleet({
  services: { files: { command: 'node server.mjs' } },
  registry: { port: ${registry} },
  gateway: {
    port: ${gateway},
    workers: 3,
    routes: [
      { path: '/step', to: 'files', steps: [() => new Response('first answer')] },
      { path: '/*', to: 'files' },
    ],
  },
})
`
const server = `
import { createServer } from 'node:http'
createServer((request, response) => response.end('a file')).listen(Number(process.env.PORT))
`

/** Each over a connection of its own, so that all workers have some. */
function texts(it: Up, target: string, count = 30): Promise<Set<string>> {
  const one = () =>
    new Promise<string>((resolve, reject) => {
      const asking = get(it.gateway + target, { agent: new Agent() }, async (answer) => {
        let text = ''
        for await (const bytes of answer) text += String(bytes)
        resolve(text)
      })
      asking.on('error', reject)
    })
  return Promise.all(Array.from({ length: count }, one)).then((all) => new Set(all))
}

test('skein up runs the gateway with its workers', { timeout: 90_000 }, async (t) => {
  const { dir, remove } = scratch('workers')
  t.after(remove)
  writeFileSync(path.join(dir, 'server.mjs'), server)
  const it = await up(dir, config, ['/'])
  t.after(() => it.end())
  const workers = async () => {
    const { admin } = JSON.parse((await it.skein('ps', '--json')).stdout).gateway
    return (await (await fetch(`${admin}/workers`)).json()) as { pid: number; requests: number }[]
  }
  assert.deepEqual(await texts(it, '/step'), new Set(['first answer']))
  const first = await workers()
  assert.equal(first.length, 3)
  assert.ok(first.every(({ requests }) => requests > 0))

  const file = path.join(dir, 'skein.config.ts')
  writeFileSync(file, readFileSync(file, 'utf8').replace('first answer', 'second answer'))
  await eventually('the changed step', async () => {
    const seen = await texts(it, '/step')
    return seen.size === 1 && seen.has('second answer')
  })
  const { stdout, code } = await it.skein('explain', 'GET', '/x')
  assert.equal(code, 0)
  assert.match(stdout, /files/)

  writeFileSync(file, readFileSync(file, 'utf8').replace('workers: 3', 'workers: 2'))
  await eventually('a word about it', async () => /workers: cannot change from 3 to 2/.test(it.output()))
  assert.equal((await it.skein('restart', 'gateway')).code, 0)
  const second = await eventually('the gateway again', async () => {
    const now = await workers()
    return now.length === 2 && now
  })
  assert.ok(first.every(({ pid }) => !alive(pid)))
  assert.deepEqual(await texts(it, '/x'), new Set(['a file']))
  await it.end('SIGKILL')
  await eventually('no worker left', async () => second.every(({ pid }) => !alive(pid)))
})
