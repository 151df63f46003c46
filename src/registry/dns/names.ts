/** The forms of name inside the zone, by the label that tells them. */
import type { NameKind } from './contract.ts'
import { addr } from './name/addr.ts'
import { node } from './name/node.ts'
import { query } from './name/query.ts'
import { service } from './name/service.ts'

export const NAME_KINDS: ReadonlyMap<string, NameKind> = new Map(Object.entries({ service, node, addr, query }))
