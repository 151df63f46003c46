/** What is sent through the proxies, what is measured of it, and what Skein must reach. */
import type { BenchCase, Goal } from '../harness/contract.ts'
import type { Front } from '../peer/contract.ts'

export type Method =
  | {
      readonly tool: 'wrk'
      readonly path: string
      readonly connections: number
      readonly headers?: Readonly<Record<string, string>>
      /** Bytes of a body to POST. */
      readonly post?: number
    }
  | { readonly tool: 'h2load'; readonly path: string; readonly streams: number }
  | { readonly tool: 'fixed-rate'; readonly path: string; readonly connections: number; readonly perSecond: number }
  | { readonly tool: 'idle'; readonly path: string; readonly connections: number }

export interface GatewayCase extends BenchCase {
  readonly front: Front
  /** `skein-service-alone` takes one request a connection. */
  readonly origin: 'nginx' | 'skein-service' | 'skein-service-alone'
  readonly method: Method
}

const cpu = (against: string, atMost: number): Goal => ({ figure: 'cpuUsPerRequest', against, atMost })

/** What a browser sends when it asks for JSON: 12 fields beside Host. */
const BROWSER = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36',
  Accept: 'application/json, text/plain, */*',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Accept-Language': 'en-GB,en;q=0.9,de;q=0.8',
  'Cache-Control': 'no-cache',
  Cookie: 'session=9f2c1e7a4b6d8035; theme=dark; consent=1',
  Referer: 'https://shop.example.com/orders?page=2',
  'Sec-Ch-Ua': '"Chromium";v="139", "Not;A=Brand";v="99"',
  'Sec-Ch-Ua-Mobile': '?0',
  'Sec-Ch-Ua-Platform': '"Linux"',
  'Sec-Fetch-Mode': 'cors',
  'Sec-Fetch-Site': 'same-origin',
}

export const CASES: readonly GatewayCase[] = [
  {
    name: 'small',
    what: 'small keep-alive GET, 64 connections',
    front: 'http',
    origin: 'nginx',
    method: { tool: 'wrk', path: '/small', connections: 64 },
    goals: [cpu('nginx', 1.15), cpu('haproxy', 1.15), cpu('node', 0.45), cpu('caddy', 0.35)],
  },
  {
    // Requests of one turn share a connection, which only instances that say so may be asked for.
    name: 'small-service',
    what: 'the same with a Skein service behind it',
    front: 'http',
    origin: 'skein-service',
    method: { tool: 'wrk', path: '/small', connections: 64 },
    goals: [cpu('nginx', 0.8), cpu('haproxy', 0.8)],
  },
  {
    name: 'small-service-alone',
    what: 'the same with a Skein service that takes one request a connection: what sharing saves',
    front: 'http',
    origin: 'skein-service-alone',
    method: { tool: 'wrk', path: '/small', connections: 64 },
    goals: [],
  },
  {
    name: 'browser',
    what: 'small keep-alive GET with 12 browser headers, 64 connections',
    front: 'http',
    origin: 'nginx',
    method: { tool: 'wrk', path: '/small', connections: 64, headers: BROWSER },
    goals: [cpu('nginx', 1.25), cpu('node', 0.45), cpu('caddy', 0.35)],
  },
  {
    name: 'post',
    what: 'POST of 10 kB, answer of 10 kB, 64 connections',
    front: 'http',
    origin: 'nginx',
    method: { tool: 'wrk', path: '/medium', connections: 64, post: 10_240 },
    goals: [cpu('nginx', 1.25)],
  },
  {
    name: 'large',
    what: 'answer of 1 MB, 16 connections',
    front: 'http',
    origin: 'nginx',
    method: { tool: 'wrk', path: '/large', connections: 16 },
    goals: [cpu('nginx', 1.5)],
  },
  {
    name: 'tls',
    what: 'small keep-alive GET over TLS, 64 connections',
    front: 'tls',
    origin: 'nginx',
    method: { tool: 'wrk', path: '/small', connections: 64 },
    goals: [cpu('nginx', 1.25)],
  },
  {
    name: 'h2',
    what: 'small GET over HTTP/2 in clear, one connection, 32 streams',
    front: 'h2c',
    origin: 'nginx',
    method: { tool: 'h2load', path: '/small', streams: 32 },
    goals: [cpu('haproxy', 1.3)],
  },
  {
    name: 'rate',
    what: '1,000 connections at a fixed 5,000 requests/s',
    front: 'http',
    origin: 'nginx',
    method: { tool: 'fixed-rate', path: '/small', connections: 1000, perSecond: 5000 },
    goals: [{ figure: 'p99Ms', against: 'nginx', atMost: 1.5 }],
  },
  {
    name: 'idle',
    what: 'memory of a keep-alive connection that is idle after one GET, 10,000 of them',
    front: 'http',
    origin: 'nginx',
    method: { tool: 'idle', path: '/small', connections: 10_000 },
    goals: [{ figure: 'bytesPerConnection', atMost: 12_000 }],
  },
]
