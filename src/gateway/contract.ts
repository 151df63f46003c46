/** The edge: what it lets in and where it goes. */
import type { BalanceConfig } from '../balance/balance-config.ts'
import type { OptionalSteps } from '../client/guard-policy.ts'
import type { RedisConfig } from './redis/config.ts'
import type { AddressConfig } from './rule/addresses.ts'
import type { AuthConfig } from './rule/auth.ts'
import type { CacheConfig } from './rule/cache.ts'
import type { CompressConfig } from './rule/compress.ts'
import type { CorsConfig } from './rule/cors.ts'
import type { HeaderEditConfig } from './rule/header-edits.ts'
import type { RedirectConfig, RewriteConfig } from './rule/location.ts'
import type { MaintenanceConfig } from './rule/maintenance.ts'
import type { MirrorConfig } from './rule/mirror.ts'
import type { RateLimitConfig } from './rule/rate-limit.ts'
import type { SplitConfig } from './rule/split.ts'
import type { CustomStep } from './rule/steps.ts'
import type { Secret } from './secret.ts'
import type { UpstreamTlsConfig } from './upstream-tls.ts'

/**
 * What a route asks for beside where to go. Under `defaults` it holds for all routes that do not say otherwise; false turns a
 * default off. docs/gateway.md explains each.
 */
export interface RouteRules {
  /** From which addresses: the peer's, or what trusted proxies say. */
  readonly addresses?: AddressConfig | false
  /** Which pages of other origins may read the answers; preflights are answered by the gateway. */
  readonly cors?: CorsConfig | false
  /** Fields changed on their way to the upstream, and on their way back (also of the gateway's own answers). */
  readonly requestHeaders?: HeaderEditConfig | false
  readonly responseHeaders?: HeaderEditConfig | false
  /** Closed for a while: 503 with a page. */
  readonly maintenance?: MaintenanceConfig | boolean
  /** Who may: clients with an API key, or with a token of a trusted issuer. */
  readonly auth?: AuthConfig | false
  /** How many requests are let through, and of whom; several limits may be listed. */
  readonly rateLimit?: RateLimitConfig | readonly RateLimitConfig[] | false
  /** Answers compressed (br, zstd, gzip) for clients that ask for it. Default false. */
  readonly compress?: CompressConfig | boolean
  /** Answers kept in memory and given again, where they allow it. Default false. */
  readonly cache?: CacheConfig | boolean
  /** Functions of your own, run in order; the first that answers ends it. */
  readonly steps?: readonly CustomStep[] | false
}

/** A route as the user writes it. A request takes the best matching route (precedence: gateway/routes.ts). */
export interface RouteConfig extends OptionalSteps, RouteRules {
  /** For logs, metrics and `explain`; default `host path → to`. */
  readonly name?: string
  /** `shop.example.com` or `*.example.com`; absent = any. */
  readonly host?: string
  /** Exact (`/health`) or, ending in `/*`, a prefix by path segment (`/user/*` matches `/user` and `/user/7`). Default `/*`. */
  readonly path?: string
  readonly methods?: readonly string[]
  /** Names of fields, cookies and parameters → exact value, or true for mere presence. */
  readonly headers?: Readonly<Record<string, string | true>>
  readonly cookies?: Readonly<Record<string, string | true>>
  readonly query?: Readonly<Record<string, string | true>>
  /** Service name. Needed unless the route is a redirect or has a split. */
  readonly to?: string
  /** Several services in place of one, each with its share. */
  readonly split?: SplitConfig
  /** Sends copies to another service, whose answers nobody sees. */
  readonly mirror?: MirrorConfig
  /** Sends the client elsewhere. */
  readonly redirect?: RedirectConfig
  /** Another path or host for the upstream. */
  readonly rewrite?: RewriteConfig
  readonly balance?: BalanceConfig
  readonly timeoutMs?: number
  readonly attemptTimeoutMs?: number
  readonly attempts?: number
  /** May a request be repeated once it may have been processed? Default: by method (RFC 9110 §9.2.2); gRPC's calls may not. */
  readonly idempotent?: boolean
  /** How instances are spoken to: `http`, `h2c` (= `grpc`), `h2` (= `grpcs`). Default: as each says, else `http`; gRPC is HTTP/2. */
  readonly protocol?: string
  /** For instances that are spoken to over TLS. */
  readonly upstreamTls?: UpstreamTlsConfig
  /** Largest request body in bytes; default 100 MiB, none for gRPC; 0 = no body. More is 413. */
  readonly maxBodyBytes?: number
  /** Allow WebSocket upgrades on this route; default false. */
  readonly websocket?: boolean
  /** Send the client's Host on (default) or the instance's address. */
  readonly preserveHost?: boolean
}

export interface TlsConfig {
  /** PEM files, from the config's folder, or PEM text; of several the one for the name that the client asks for, else the first. */
  readonly certificates: readonly { readonly cert: string; readonly key: string }[]
  /** Default TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

export interface GatewayConfig {
  readonly port?: number
  readonly host?: string
  readonly routes: readonly RouteConfig[]
  /** TLS, with HTTP/2 by ALPN; absent = plain HTTP/1.1 and, by prior knowledge, HTTP/2. Files are read at start and reload. */
  readonly tls?: TlsConfig
  /** Peers (IP or CIDR) whose X-Forwarded-* is believed; default none. */
  readonly trustedProxies?: readonly string[]
  /** Processes that share the port; default 1, `auto` = one for each core. */
  readonly workers?: number | 'auto'
  /** Rate limits are counted here, together with other gateways: `redis://…`, `rediss://…`. Default: each gateway by itself. */
  readonly redis?: RedisConfig | string | Secret
  /** For every route that does not say otherwise. */
  readonly defaults?: RouteRules
}
