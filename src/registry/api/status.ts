/** /v1/status: who leads. Start-up scripts poll it until it names somebody. */
import { type Endpoint, json } from './endpoint.ts'

export const STATUS: readonly Endpoint[] = [
  { path: '/v1/status/leader', GET: (_request, { leader }) => json(leader) },
  { path: '/v1/status/peers', GET: (_request, { leader }) => json([leader]) },
]
