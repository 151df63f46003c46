/** A password in `--store` is neither in the list of processes nor in what is printed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventually, ROOT } from '../support/up.ts'

const skip = existsSync('/proc/self/cmdline') ? false : 'there is no /proc here'

test('the password of a store is not shown', { skip }, async () => {
  const args = ['bin/skein.js', 'registry', '--port', '0', '--store', 'etcd://me:hunter2@127.0.0.1:1/x']
  const child = spawn(process.execPath, args, { cwd: ROOT })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const commandLine = () => readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')
  assert.match(await eventually('its title', async () => /^skein/.test(commandLine()) && commandLine()), /^skein\0*$/)
  assert.notEqual(await exited, 0)
  assert.match(output, /No cluster leader .*127\.0\.0\.1:1/)
  assert.doesNotMatch(output, /hunter2/)
})
