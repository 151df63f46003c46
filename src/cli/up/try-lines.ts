/** Command lines worth trying on a fleet that has just come up. */
import type { RouteConfig } from '../../gateway/contract.ts'
import { placeOf } from '../../gateway/routes.ts'
import type { Plan } from './plan.ts'

const ROUTES_SHOWN = 4

/** Command line and what it does. `skein` is how the user calls this program: `skein`, `npx skein`. */
export function tryLines({ gateway, services }: Plan, skein: string): [line: string, does: string][] {
  const routes = (gateway?.config.routes ?? []).slice(0, ROUTES_SHOWN)
  const largest = services.toSorted((a, b) => b.instances - a.instances)[0]
  const lines: [string, string][] = routes.map((route) => [curlLine(route, gateway!.url), `→ ${placeOf(route)}`])
  lines.push([`${skein} ps`, 'what runs, where, how it is'])
  if (largest !== undefined && largest.port === undefined) {
    lines.push([`${skein} scale ${largest.name}=${largest.instances + 2}`, 'while traffic goes on'])
  }
  if (routes[0] !== undefined) {
    lines.push([
      `${skein} explain ${methodOf(routes[0])} ${samplePath(routes[0].path)}`,
      'which route and instance, and why',
    ])
  }
  lines.push([`${skein} logs -f`, 'the logs, elsewhere'])
  return lines
}

/** A request that takes this route: `curl -X POST -H 'host: shop.example' http://127.0.0.1:8080/user/1`. */
export function curlLine(route: RouteConfig, url: string): string {
  const method = methodOf(route)
  const headers = Object.entries(route.headers ?? {}).map(([name, value]) => `${name}: ${value === true ? '1' : value}`)
  if (route.host !== undefined) headers.unshift(`host: ${route.host.replace(/^\*/, 'www')}`)
  const query = Object.entries(route.query ?? {}).map(([name, value]) => `${name}=${value === true ? '1' : value}`)
  const target = `${url}${samplePath(route.path)}${query.length === 0 ? '' : `?${query.join('&')}`}`
  const words = ['curl', ...(method === 'GET' ? [] : ['-X', method]), ...headers.map((header) => `-H '${header}'`)]
  return [...words, /[?&*]/.test(target) ? `'${target}'` : target].join(' ')
}

function methodOf({ methods }: RouteConfig): string {
  return methods === undefined || methods.includes('GET') ? 'GET' : (methods[0] ?? 'GET')
}

/** `/user/*` → `/user/1`, `/user/:id/cart` → `/user/1/cart`, `/*` → `/`. */
export function samplePath(path = '/*'): string {
  if (path === '/*') return '/'
  return path.replaceAll(/:[^/]+/g, '1').replace(/\*$/, '1')
}
