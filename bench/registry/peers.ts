/** Skein's registry on SQLite and, where CONSUL_BIN names one, a Consul server with its Raft log on disk. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../src/core/free-port.ts'
import { type Running, start } from '../harness/process.ts'
import type { Peer } from './contract.ts'

const SKEIN = fileURLToPath(new URL('../../bin/skein.js', import.meta.url))

const skein: Peer = {
  name: 'skein',
  what: 'skein registry, SQLite',
  start: (dir, port) =>
    start(process.execPath, [SKEIN, 'registry', '--port', String(port), '--dns-port', 'off', '--data', dir], port),
}

/** Beside durability only what a load of this size needs: connections, and Raft at the pace that production takes. */
function consul(program: string): Peer {
  return {
    name: 'consul',
    what: `${path.basename(program)} agent -server, Raft log on disk`,
    async start(dir, port) {
      const [serf_lan, server] = [await freePort(), await freePort()]
      const config = {
        ...{ server: true, bootstrap_expect: 1, data_dir: dir, node_name: 'bench-consul', log_level: 'warn' },
        ...{ bind_addr: '127.0.0.1', client_addr: '127.0.0.1', disable_update_check: true },
        ports: { http: port, dns: -1, grpc: -1, serf_wan: -1, serf_lan, server },
        performance: { raft_multiplier: 1 },
        limits: { http_max_conns_per_client: 12_000 },
      }
      const file = path.join(dir, '..', 'consul.json')
      writeFileSync(file, JSON.stringify(config))
      const running = await start(program, ['agent', '-config-file', file], port, { limitMs: READY_LIMIT_MS })
      await untilReady(port, running)
      return running
    },
  }
}

/** With 10,000 instances of its own to take in again it listens late. */
const READY_LIMIT_MS = 120_000

/** It takes writes: there is a leader, and the agent's own node is in its catalog. */
async function untilReady(port: number, running: Running): Promise<void> {
  const limit = performance.now() + READY_LIMIT_MS
  while (performance.now() < limit) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/health/node/bench-consul`)
    if (answer.ok && (await answer.text()).includes('serfHealth')) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await running.close()
  throw new Error(`Consul has no leader after ${READY_LIMIT_MS} ms:\n${running.output()}`)
}

export function peers(): Peer[] {
  const program = process.env['CONSUL_BIN']
  return program === undefined || program === '' ? [skein] : [skein, consul(program)]
}
