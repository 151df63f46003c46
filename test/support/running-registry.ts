/** For a `describe`: a registry in memory and a client of it, for as long as its tests run. */
import { after, before } from 'node:test'
import { ConsulClient } from '../../src/discovery/consul-client.ts'
import { type RunningRegistry, startRegistry } from '../../src/registry/index.ts'

/** `assign` is given both before the first test. */
export function withRegistry(assign: (consul: ConsulClient, registry: RunningRegistry) => void): void {
  let registry: RunningRegistry
  let consul: ConsulClient
  before(async () => {
    registry = await startRegistry({ port: 0 })
    consul = new ConsulClient({ address: registry.url })
    assign(consul, registry)
  })
  after(async () => {
    await consul.close()
    await registry.close()
  })
}
