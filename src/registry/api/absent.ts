/**
 * Read endpoints of Consul's service mesh, of which there is nothing here: answered as a Consul without a mesh answers
 * them, because clients ask without being told to (Traefik, consul-template). What is not here is an unknown path.
 */
import { RESOURCE } from '../state/resources.ts'
import { type Endpoint, text } from './endpoint.ts'
import { read } from './read.ts'

const NO_MESH = 'Connect must be enabled in order to use this endpoint'

/** Blocks like any other read, to its deadline: the answer never changes. */
const nothing = (json: string, consistency: boolean) =>
  read(
    (_request, { store: { state } }) => ({
      resources: [RESOURCE.services],
      index: () => state.indexOf(RESOURCE.services),
      encode: () => json,
      suppress: true,
    }),
    consistency,
  )

export const ABSENT: readonly Endpoint[] = [
  { path: '/v1/health/connect/', GET: nothing('[]', true) },
  { path: '/v1/catalog/connect/', GET: nothing('[]', true) },
  { path: '/v1/catalog/gateway-services/', GET: nothing('null', true) },
  { path: '/v1/agent/connect/ca/roots', GET: () => text(500, NO_MESH) },
]
