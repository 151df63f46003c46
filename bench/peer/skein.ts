/** Skein as its users start it: `skein gateway` on the config that the registry holds, with its instances, all defaults on. */
import path from 'node:path'
import { ConsulClient } from '../../src/discovery/consul-client.ts'
import type { GatewayConfig } from '../../src/gateway/contract.ts'
import { start } from '../harness/process.ts'
import type { Front, Peer, Setting } from './contract.ts'

export const SKEIN = path.join(import.meta.dirname, '../../bin/skein.js')

/** HTTP/2 in clear needs no setting: who begins with its preface gets it. */
const FRONTS: readonly Front[] = ['http', 'tls', 'h2c']

export const skein: Peer = {
  name: 'skein',
  what: 'skein gateway: P2C, metrics, trace header, limits; access log off, as everywhere',
  node: false,
  fronts: FRONTS,
  missing: () => undefined,
  async start(setting) {
    const name = `bench-${setting.port}`
    await writeConfig(setting, name)
    const args = [SKEIN, 'gateway', '--name', name, '--registry', setting.registry, '--port', `${setting.port}`]
    return start(process.execPath, args, setting.port, { cwd: setting.dir, env: { SKEIN_LOG_LEVEL: 'warn' } })
  },
}

function configOf({ service, front, cert, key }: Setting): GatewayConfig {
  const routes = [{ to: service }]
  return front === 'tls' ? { routes, tls: { certificates: [{ cert, key }] } } : { routes }
}

async function writeConfig(setting: Setting, name: string): Promise<void> {
  const consul = new ConsulClient({ address: setting.registry })
  try {
    await consul.kvPut(`skein/gateway/${name}`, JSON.stringify(configOf(setting)))
  } finally {
    await consul.close()
  }
}
