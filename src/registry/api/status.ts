/** /v1/status: who leads; nobody while a store that is shared takes no writes. Start-up scripts poll it until it names somebody. */
import { type Endpoint, json } from './endpoint.ts'

export const STATUS: readonly Endpoint[] = [
  {
    path: '/v1/status/leader',
    GET: (_request, { leader, store }) => json(store.shared && store.failure !== undefined ? '' : leader),
  },
  { path: '/v1/status/peers', GET: (_request, { leader }) => json([leader]) },
]
