/** `--store etcd://host:port,host:port/prefix`: where registries of many machines keep what they share. */
import type { EtcdChoice } from '../registry/storage/storages.ts'
import { UsageError } from './command.ts'

const FORM = /^etcd:\/\/([^/?#]+)(\/[^?#]*)?$/
const DEFAULT_PORT = 2379

/** @throws UsageError naming what is wrong. */
export function readStoreAddress(text: string): EtcdChoice {
  const [, members, prefix] = FORM.exec(text) ?? []
  if (members === undefined) throw new UsageError(`--store wants etcd://host:port,host:port/prefix, not '${text}'`)
  const cut = prefix?.replace(/\/+$/, '')
  return { etcd: members.split(',').map(memberUrl), ...(cut ? { prefix: cut } : {}) }
}

function memberUrl(member: string): string {
  const url = URL.parse(`http://${member}`)
  if (url === null || url.host === '') throw new UsageError(`--store names no address with '${member}'`)
  if (url.username !== '')
    throw new UsageError('--store takes no user and password: etcd must accept connections without')
  return `http://${url.hostname}:${url.port === '' ? DEFAULT_PORT : url.port}`
}
