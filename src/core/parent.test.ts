import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { SETTINGS } from './settings.ts'

/** Runs `script` in a child of a fleet, and gives what it writes. */
async function written(script: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, [SETTINGS.fleet]: '1' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const [output] = await Promise.all([Array.fromAsync(child.stdout!), once(child, 'close')])
  return Buffer.concat(output).toString()
}

const given = `import { onParentGone, reportReady } from ${JSON.stringify(import.meta.resolve('./parent.ts'))}
  const tell = () => console.log('gone')`

test('that the fleet has gone is told once, also where its end is under way', async () => {
  assert.equal(await written(`${given}; onParentGone(tell); process.disconnect()`), 'gone\n')
  assert.equal(await written(`${given}; process.disconnect(); onParentGone(tell)`), 'gone\n')
  const late = 'setImmediate(() => onParentGone(tell))'
  assert.equal(await written(`${given}; process.disconnect(); ${late}`), 'gone\n')
})

test('who has stopped listening is told nothing', async () => {
  assert.equal(await written(`${given}; onParentGone(tell)(); process.disconnect()`), '')
})

test('to be ready when the fleet has gone is no error', async () => {
  const wait = 'setImmediate(() => console.log("still here"))'
  assert.equal(await written(`${given}; process.disconnect(); reportReady(80); ${wait}`), 'still here\n')
})
