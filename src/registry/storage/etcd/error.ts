/** etcd's errors as the registry's, with the way out. */
import { SkeinError } from '../../../core/errors.ts'
import { EtcdError, type EtcdFault } from './contract.ts'

/** Consul's text for a store that cannot be reached; clients know it. */
export const NO_LEADER = 'No cluster leader'

const LOGIN =
  'give the right user and password (SKEIN_ETCD_USER, SKEIN_ETCD_PASSWORD); the user needs a role that may read and ' +
  'write all keys of the registry (etcdctl role grant-permission <role> readwrite --prefix=true <prefix>/)'

const WAY_OUT: Readonly<Record<EtcdFault, string>> = {
  unavailable:
    'reads go on from memory, and what was under way may yet have been written; check that a majority of the etcd ' +
    'members run and can be reached',
  'no-space':
    'etcd is at its quota and takes no writes; compact and defragment it (etcdctl compact, defrag), then etcdctl alarm ' +
    'disarm; start etcd with --auto-compaction-retention=1h so that it does not come back',
  'no-lease': 'the lease has expired; try again',
  'no-login': LOGIN,
  denied: LOGIN,
  named:
    'where etcd has users and --client-cert-auth, the certificate of the registry must have no common name (openssl req ' +
    '-subj /); its user is that of SKEIN_ETCD_USER',
  refused: 'see the text; etcd itself refused it',
}

export function storageError(error: unknown): unknown {
  if (!(error instanceof EtcdError)) return error
  const what = error.fault === 'unavailable' ? `${NO_LEADER} (etcd ${error.message})` : `etcd: ${error.message}`
  return new SkeinError('STORAGE_FAILED', `${what}: ${WAY_OUT[error.fault]}`, {}, error)
}
