/** Who is there. */
export { HOLD_MS } from './belief.ts'
export {
  type ConsulAnswer,
  ConsulClient,
  type ConsulClientOptions,
  type ConsulGetOptions,
  type ConsulRequestOptions,
  type KvEntry,
} from './consul-client.ts'
export type { Instance, InstanceStatus, Snapshot, Source, Watch } from './contract.ts'
export { SnapshotFolder, type SnapshotFolderOptions } from './snapshot-folder.ts'
export { type ConsulSourceOptions, consulSource } from './source/consul.ts'
export { type StaticSource, staticSource } from './source/static.ts'
export { SOURCES, type SourceName } from './sources.ts'
