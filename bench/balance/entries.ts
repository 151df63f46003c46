import { CALLS } from './call.ts'
import { PEERS } from './peers.ts'
import { SKEIN } from './skein.ts'

export const ENTRIES = [...SKEIN, ...CALLS, ...PEERS]
