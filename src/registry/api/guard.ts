/** Who may talk to the registry at all: the token where there is one, and no web page that a browser was led to. */

import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { bareHost } from '../../core/authority.ts'
import { Refusal } from '../state/refusal.ts'
import type { ApiRequest } from './endpoint.ts'

export interface Guard {
  /** @throws Refusal 403. */
  check(request: Pick<ApiRequest, 'method' | 'query' | 'header'>, path: string): void
}

/** What scripts and orchestrators poll before they have a token. */
const OPEN_PATHS: readonly string[] = ['/v1/status/leader', '/v1/status/peers', '/health/ready', '/health/live']

export function createGuard(options: { host: string; token?: string | undefined }): Guard {
  const expected = options.token === undefined ? undefined : digest(options.token)
  const refuseToken = (request: Pick<ApiRequest, 'query' | 'header'>) => {
    const given = tokenOf(request)
    if (given === undefined) {
      throw new Refusal(403, 'Permission denied: anonymous token lacks permission. Send the token as X-Consul-Token.')
    }
    if (expected !== undefined && !timingSafeEqual(digest(given), expected)) throw new Refusal(403, 'ACL not found')
  }
  return {
    check(request, path) {
      if (expected === undefined) refuseRebinding(request, options.host)
      else if (!OPEN_PATHS.includes(path)) refuseToken(request)
      refuseCrossOrigin(request)
    },
  }
}

/** Equal lengths for the comparison, whatever was sent. */
const digest = (token: string) => createHash('sha256').update(token).digest()

/** `?token=` before X-Consul-Token before Authorization: Bearer. Other schemes mean nothing (Prometheus sends Basic). */
export function tokenOf({ query, header }: Pick<ApiRequest, 'query' | 'header'>): string | undefined {
  const bearer = /^bearer +(.+)$/i.exec(header('authorization') ?? '')?.[1]
  return query.get('token') || header('x-consul-token') || bearer
}

/**
 * A name that resolves to this machine lets any web page talk to a loopback port (DNS rebinding): the Host must be an
 * address, a loopback name or the host that was bound. With a token the page lacks the token, so any name will do.
 */
function refuseRebinding({ header }: Pick<ApiRequest, 'header'>, bound: string): void {
  const host = hostName(header('host') ?? '')
  if (host === '' || isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost') || host === bound) return
  throw new Refusal(
    403,
    `Host ${JSON.stringify(host)} is not one of this registry's names: ask for it as localhost or by its address, ` +
      'or start it with a token',
  )
}

function hostName(host: string): string {
  return bareHost(host.replace(/:\d+$/, '')).replace(/\.$/, '').toLowerCase()
}

const READS: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** Browsers say where a write comes from; a page of another origin has no business here. Other clients send neither header. */
function refuseCrossOrigin({ method, header }: Pick<ApiRequest, 'method' | 'header'>): void {
  if (READS.includes(method)) return
  const site = header('sec-fetch-site')
  const origin = header('origin')
  const foreign =
    site === undefined ? origin !== undefined && !sameHost(origin, header('host')) : !OWN_SITES.includes(site)
  if (foreign) throw new Refusal(403, 'Cross-origin writes are not allowed')
}

const OWN_SITES: readonly string[] = ['same-origin', 'none']

function sameHost(origin: string, host: string | undefined): boolean {
  return host !== undefined && origin.replace(/^https?:\/\//i, '').toLowerCase() === host.toLowerCase()
}
