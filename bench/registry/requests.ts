/** What the cases send. Instances are spread over services of 50, as in one large installation. */
import type { Request } from './load.ts'

export const PER_SERVICE = 50

export const serviceOf = (i: number) => `svc-${Math.floor(i / PER_SERVICE)}`

/** A registration as a service kit sends it, with a TTL check that passes. `version` makes it another one. */
export function register(i: number, version = 0): Request {
  const definition = {
    Name: serviceOf(i),
    ID: `i-${i}`,
    Address: `10.0.${(i >> 8) & 255}.${i & 255}`,
    Port: 8080,
    Tags: ['http', `v${version}`],
    Meta: { zone: `z${i % 3}`, version: String(version) },
    Check: { TTL: '600s', Status: 'passing' },
  }
  return ['PUT', '/v1/agent/service/register', JSON.stringify(definition)]
}

/** The same without the agent: straight into the catalog. */
export function catalogRegister(i: number): Request {
  const definition = {
    Node: 'bench',
    Address: '127.0.0.1',
    SkipNodeUpdate: true,
    Service: { Service: serviceOf(i), ID: `c-${i}`, Port: 8080, Tags: ['http'], Meta: { zone: `z${i % 3}` } },
    Check: { CheckID: `service:c-${i}`, Name: 'alive', Status: 'passing', ServiceID: `c-${i}` },
  }
  return ['PUT', '/v1/catalog/register', JSON.stringify(definition)]
}

export const beat = (i: number): Request => ['PUT', `/v1/agent/check/pass/service:i-${i}`]
export const flip = (i: number, round: number): Request => [
  'PUT',
  `/v1/agent/check/${round % 2 === 0 ? 'fail' : 'pass'}/service:i-${i}`,
]
export const health = (i: number): Request => ['GET', `/v1/health/service/${serviceOf(i)}?passing`]

const VALUE = 'x'.repeat(100)
const KEYS = 10_000

export const put = (i: number): Request => ['PUT', `/v1/kv/bench/${i % KEYS}`, VALUE + i]
export const get = (i: number): Request => ['GET', `/v1/kv/bench/${i % KEYS}`]
