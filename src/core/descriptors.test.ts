import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const onLinux = process.platform === 'linux' ? false : 'only Linux says how many there may be'

test('connections are as many as the descriptors of the process allow, less what it needs itself', {
  skip: onLinux,
}, () => {
  const print = `import { affordableConnections } from '${new URL('descriptors.ts', import.meta.url)}'
    console.log(affordableConnections(1), affordableConnections(2))`
  const limited = `ulimit -n 200; exec "$0" --input-type=module-typescript -e "$1"`
  const { stdout, stderr } = spawnSync('sh', ['-c', limited, process.execPath, print], { encoding: 'utf8' })
  assert.equal(stdout, '160 80\n', stderr)
})
