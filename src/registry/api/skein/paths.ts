/**
 * /v1/skein: what goes beyond Consul. No client needs it, Skein's own included: whoever meets 404 here, or finds no
 * X-Skein-Version on agent/self, uses Consul's paths.
 */
import type { Endpoint } from '../endpoint.ts'
import { read } from '../read.ts'
import { checks } from './checks.ts'
import { events } from './events.ts'
import { history } from './history.ts'
import { lease } from './lease.ts'
import { prometheus } from './prometheus.ts'
import { allow, remove, removed } from './removed.ts'

export const SKEIN: readonly Endpoint[] = [
  { path: '/v1/skein/checks', GET: checks },
  { path: '/v1/skein/events', GET: events },
  { path: '/v1/skein/history', GET: history },
  { path: '/v1/skein/lease', GET: lease },
  { path: '/v1/skein/prometheus', GET: prometheus },
  { path: '/v1/skein/remove/', PUT: remove },
  { path: '/v1/skein/allow/', PUT: allow },
  { path: '/v1/skein/removed', GET: read(removed) },
]
