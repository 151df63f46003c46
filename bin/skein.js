#!/usr/bin/env node
// The executable, in plain JavaScript so that a Node that is too old can still say so.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { constants } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

const REQUIRED_MAJOR = 24
const source = new URL('../src/cli/main.ts', import.meta.url)
const built = new URL('../cli/main.js', import.meta.url)
const carried = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))

// A link named `consul` to this file is Consul's command: scripts that call that go on as they are.
if (basename(process.argv[1] ?? '') === 'consul') process.argv.splice(2, 0, 'consul')

// Whoever lists the processes of a machine need not read the password in an address.
if (process.argv.some((argument) => /:\/\/[^/]*@/.test(argument))) process.title = 'skein'

if (Number(process.versions.node.split('.')[0]) >= REQUIRED_MAJOR) {
  // Halves the start of an instance: what one process has stripped of types and compiled, the next one reads.
  module.enableCompileCache()
  await import((existsSync(source) ? source : built).href)
} else if (existsSync(carried)) {
  // A checkout brings its own Node as a development dependency: hand over to it, signals included.
  const child = spawn(carried, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends Ctrl-C to the child as well, and a second one would cut its drain short.
  const terminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
  process.on('SIGINT', () => terminal || child.kill('SIGINT'))
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // As a shell tells it: 128 and the number of the signal.
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
} else {
  console.error(
    `skein: needs Node ${REQUIRED_MAJOR} or newer, this is ${process.version}. Install it, or add npm's "node" package to the project.`,
  )
  process.exit(1)
}
