import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstanceInfo } from '../../fleet/contract.ts'
import { plain } from '../ui/terminal.ts'
import { listing, listingLines } from './listing.ts'
import type { RegisteredInstance } from './registered.ts'

const info = (service: string, more: Partial<InstanceInfo> = {}): InstanceInfo => ({
  ...{
    id: `${service}-1`,
    service,
    ordinal: 1,
    state: 'ready',
    weight: 5,
    restarts: 2,
    port: 4000,
    pid: 12,
    startedAt: 1000,
  },
  ...more,
})
const registered = (service: string, id: string, refusing = 0): RegisteredInstance => ({
  ...{ id, service, address: '10.0.0.9', port: 80, node: 'n', weight: 3, tags: [], meta: {}, status: 'warning' },
  refusing,
})
const lines = (...args: Parameters<typeof listing>) => listingLines(listing(...args), 193_000, plain)

test('instances are shown with the health that the registry gives, Skein’s own parts last', () => {
  const shown = lines([info('registry'), info('users')], [registered('users', 'users-1')])
  assert.match(shown[1]!, /^users +users-1 +ready +warning +4000 +12 +5 +2 +3m 12s$/)
  assert.match(shown[2]!, /^registry +registry-1 +ready +– +4000 +12 +– +2 +3m 12s$/)
})

test('an instance that is ready but unknown to the registry says so', () => {
  assert.match(lines([info('users')], [])[1]!, / unregistered /)
})

test('a failing instance is shown with its reason, and without an uptime', () => {
  const down = info('users', { state: 'backoff', pid: undefined, lastError: 'exit 1: no database' })
  const shown = lines([down], [])
  assert.match(shown[1]!, / backoff +– .*–$/)
  assert.equal(shown.at(-1), '✗ users-1: exit 1: no database')
})

test('whoever has more to do than it can is named, with how much it refuses', () => {
  const known = [registered('users', 'users-1', 12.34), registered('flask', 'flask-a', 0.3)]
  const shown = lines([info('users')], known)
  assert.deepEqual(shown.slice(2, 6), [
    '',
    '! users-1: overloaded, refuses 12.3 requests/s',
    '! flask-a: overloaded, refuses 0.3 requests/s',
    '',
  ])
  assert.deepEqual(listing([info('users')], known).instances[0]!.refusing, 12.34)
})

test('what registered by itself is listed as elsewhere', () => {
  const shown = lines([info('users')], [registered('flask', 'flask-a')])
  assert.match(shown.at(-1)!, /^flask +flask-a +warning +10\.0\.0\.9:80 +3$/)
  assert.deepEqual(
    listing([info('users')], [registered('flask', 'flask-a')]).elsewhere.map(({ id }) => id),
    ['flask-a'],
  )
})
