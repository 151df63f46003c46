/** `npm run bench -- <name> [options]`: starts the bench of that name; without a name it lists them. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { named, runScript } from '../scripts/run-script.ts'

const BENCHES = [
  { name: 'gateway', what: 'what forwarding costs, beside nginx, HAProxy, Caddy and the Node proxies' },
  { name: 'client', what: 'what a call costs, beside undici and fetch' },
  {
    name: 'registry',
    what: 'what registrations, reads, keys and watchers cost, beside a real Consul where CONSUL_BIN names one',
  },
  { name: 'balance', what: 'what a pick costs' },
] as const

const HELP = `Measures Skein beside its peers.

usage: npm run bench -- <name> [options]

${BENCHES.map(({ name, what }) => `  ${name.padEnd(10)}${what}`).join('\n')}

Options, cases and peers of each: npm run bench -- <name> --help. All have --case, --peer, --rounds, --seconds and --json.

examples:
  npm run bench -- gateway --case small --peer skein,nginx --rounds 1
  npm run bench -- registry --instances 2000
  npm run bench -- balance --json

Exit status: 0 measured, 1 it could not, 2 the command line is wrong.
bench/README.md says what has to be installed.`

function main(): void {
  const [name = '--help', ...args] = process.argv.slice(2)
  if (name === '--help' || name === '-h') console.log(HELP)
  else start(named('bench', name, BENCHES).name, args)
}

function start(name: string, args: readonly string[]): void {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, `${name}.ts`), ...args], {
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}

await runScript('npm run bench --', main)
