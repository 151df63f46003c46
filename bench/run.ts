/** `npm run bench -- <name> [options]`: starts the bench of that name; without a name it lists them. */
import { spawn } from 'node:child_process'
import path from 'node:path'

const BENCHES = {
  gateway: 'what forwarding costs, beside nginx, HAProxy, Caddy and the Node proxies',
  client: 'what a call costs, beside undici and fetch',
  registry: 'what registrations, reads, keys and watchers cost, beside a real Consul where CONSUL_BIN names one',
  balance: 'what a pick costs',
} as const

const [name, ...args] = process.argv.slice(2)
if (name === undefined || !Object.hasOwn(BENCHES, name)) {
  const list = Object.entries(BENCHES).map(([one, what]) => `  ${one.padEnd(10)}${what}`)
  console.error(`npm run bench -- <name> [options]; --help behind a name lists its options\n\n${list.join('\n')}`)
  process.exitCode = name === undefined || name === '--help' ? 0 : 2
} else {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, `${name}.ts`), ...args], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}
