import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitCommand } from './command-line.ts'

test('a command is cut at spaces, and quotes hold together', () => {
  assert.deepEqual(splitCommand('node app.js --port=1'), ['node', 'app.js', '--port=1'])
  assert.deepEqual(splitCommand(`  flask  --app 'my app' -e "a b"c `), ['flask', '--app', 'my app', '-e', 'a bc'])
  assert.deepEqual(splitCommand('a ""'), ['a', ''])
})

test('what only a shell could read is refused', () => {
  for (const text of [
    'a | b',
    'a && b',
    'a > b',
    'echo $HOME',
    'echo "$HOME"',
    'a "b',
    "it's",
    'ls *.js',
    'a `b`',
    '',
  ]) {
    assert.throws(() => splitCommand(text), RangeError, text)
  }
})
