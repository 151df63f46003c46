/** All peers. Skein comes first, so that its figure is there for each ratio. */
import type { Peer } from './contract.ts'
import { PACKAGES } from './packages.ts'
import { PROGRAMS } from './programs.ts'
import { skein } from './skein.ts'

export const PEERS: readonly Peer[] = [skein, ...PROGRAMS, ...PACKAGES]
