/** Who may talk to the registry at all: the token where there is one, and no web page that a browser was led to. */

import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { bareHost } from '../../core/authority.ts'
import type { AccessControl } from '../acl/access-control.ts'
import { Refusal } from '../state/refusal.ts'
import type { ApiRequest } from './endpoint.ts'

export interface Guard {
  /** @throws Refusal 403. */
  check(request: Pick<ApiRequest, 'method' | 'query' | 'header'>, path: string): void
}

/** What scripts and orchestrators poll before they have a token. */
const OPEN_PATHS: readonly string[] = ['/v1/status/leader', '/v1/status/peers', '/health/ready', '/health/live']

export interface GuardOptions {
  /** What was bound. */
  readonly host: string
  /** The one that every client must have, where it is not for ACLs to say. */
  readonly token?: string | undefined
  readonly access: Pick<AccessControl, 'enabled'>
  readonly allowedHosts?: readonly string[] | undefined
}

export function createGuard({ host, token, access, allowedHosts = [] }: GuardOptions): Guard {
  const expected = token === undefined ? undefined : digest(token)
  const names = [host, ...allowedHosts].map((name) => name.toLowerCase())
  const refuseToken = (request: Pick<ApiRequest, 'query' | 'header'>) => {
    const given = tokenOf(request)
    if (given === undefined) {
      throw new Refusal(403, 'Permission denied: anonymous token lacks permission. Send the token as X-Consul-Token.')
    }
    if (expected !== undefined && !timingSafeEqual(digest(given), expected)) throw new Refusal(403, 'ACL not found')
  }
  /** A web page has no token: who brings one is no page, by whatever name they ask. */
  const isSurelyNoPage = (request: Pick<ApiRequest, 'query' | 'header'>, path: string) =>
    access.enabled && (OPEN_PATHS.includes(path) || tokenOf(request) !== undefined)
  return {
    check(request, path) {
      if (expected === undefined) {
        if (!isSurelyNoPage(request, path)) refuseRebinding(request, names)
      } else if (!OPEN_PATHS.includes(path)) refuseToken(request)
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
 * address, a loopback name, the host that was bound or a name that the operator gave.
 */
function refuseRebinding({ header }: Pick<ApiRequest, 'header'>, names: readonly string[]): void {
  const host = hostName(header('host') ?? '')
  if (host === '' || isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost') || names.includes(host))
    return
  throw new Refusal(
    403,
    `Host ${JSON.stringify(host)} is not one of this registry's names: ask for it as localhost or by its address, ` +
      'or start it with --allow-host, or with ACLs and bring a token',
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
