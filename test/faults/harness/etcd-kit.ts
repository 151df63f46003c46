/** Registries, each a process of its own, over an etcd cluster of a fault's own. */
import { type EtcdCluster, type EtcdSettings, startEtcd } from '../../support/etcd.ts'
import { type RegistryProcess, startRegistryProcess } from '../../support/registry-process.ts'
import type { FaultContext } from './contract.ts'

export interface Shared {
  readonly etcd: EtcdCluster
  readonly registries: readonly RegistryProcess[]
  readonly urls: readonly string[]
}

/** Each registry has an order of members of its own, so that not all hang on one. */
export async function startShared(
  { after }: FaultContext,
  settings: EtcdSettings = { size: 3 },
  count = 3,
): Promise<Shared> {
  const etcd = await startEtcd(settings)
  after(() => etcd.close())
  const members = etcd.urls.map((url) => new URL(url).host)
  const registries = await Promise.all(
    Array.from({ length: count }, (_, i) => {
      const turned = [...members.slice(i % members.length), ...members.slice(0, i % members.length)]
      return startRegistryProcess(['--store', `etcd://${turned.join(',')}/fault`])
    }),
  )
  after(async () => {
    await Promise.all(registries.map((registry) => registry.close()))
  })
  return { etcd, registries, urls: registries.map(({ url }) => url) }
}

/** Forgets all history up to now. */
export async function compact(etcd: EtcdCluster): Promise<void> {
  const { header } = (await etcd.call('kv/range', { key: 'AA==' })) as { header: { revision: string } }
  await etcd.call('kv/compaction', { revision: header.revision, physical: true })
}
