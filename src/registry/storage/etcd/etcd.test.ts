/** The storage on a real etcd. */
import { after } from 'node:test'
import { type EtcdCluster, needsEtcd, startEtcd } from '../../../../test/support/etcd.ts'
import { EtcdStorage } from '../etcd.ts'
import { testStorage } from '../storage.suite.ts'

const skip = needsEtcd()
let cluster: EtcdCluster | undefined
after(() => cluster?.close())
let prefixes = 0

testStorage(
  'etcd',
  async () => {
    cluster ??= await startEtcd()
    const { urls } = cluster
    const prefix = `/suite-${++prefixes}`
    const open = () => new EtcdStorage({ endpoints: urls, prefix })
    return { open, reopen: open, cleanUp() {} }
  },
  skip,
)
