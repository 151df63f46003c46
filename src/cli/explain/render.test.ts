import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.ts'
import type { Answer } from './answer.ts'
import { renderAnswer } from './render.ts'

const instance = {
  ...{ id: 'users-1', service: 'users', address: '127.0.0.1', port: 1, node: 'n', weight: 1, tags: [], meta: {} },
  status: 'passing',
} as const

function answer(confirmedAt?: number): Answer {
  return {
    request: { method: 'GET', host: 'h', path: '/user/1', query: '' },
    route: { name: '/user/*', path: '/user/*', to: 'users' },
    why: 'the only route that matches',
    candidates: [{ instance, inFlight: 0, cost: 0, eligible: true, ...(confirmedAt !== undefined && { confirmedAt }) }],
    others: [],
  }
}

const shown = (one: Answer) => renderAnswer(one, (_, text) => text).join('\n')

test('instances that the registry does not confirm are shown with their age', () => {
  assert.match(shown(answer(systemClock.now() - 192_000)), /does not confirm these instances: it last did 3m 12s ago/)
  assert.doesNotMatch(shown(answer()), /confirm/)
})

test('the policy is shown with the scopes that it chooses within', () => {
  const policy = { policy: 'p2c', load: 'peak-ewma', scopes: { zone: 'a', panic: 50 } } as const
  assert.match(shown({ ...answer(), policy }), /policy +p2c, comparing peak-ewma, within zone, panic/)
})

test('what bounds the calls of a route is shown, and an instance that has just refused something', () => {
  const busy = { instance, inFlight: 9, cost: 1, eligible: true, reason: 'refused something 0.4 s ago' }
  const route = { name: '/user/*', path: '/user/*', to: 'users', bulkhead: { calls: 20 }, circuit: {} }
  const text = shown({ ...answer(), route, candidates: [busy] })
  assert.match(text, /bulkhead +20 calls at a time; 10 wait for 100 ms at most/)
  assert.match(text, /circuit +not asked for 5000 ms when more than 50 % of at least 20 calls in 10 s have failed/)
  assert.match(text, /may be chosen, refused something 0\.4 s ago/)
})

test('what is held back now is shown: circuit, bulkhead, budget, panic; where nothing is, nothing', () => {
  const quiet = { service: 'users', calls: 0, retries: { underWay: 0, allowed: 3 } }
  const held = {
    service: 'users',
    calls: 5,
    circuit: { state: 'open', leftMs: 3_000 },
    bulkhead: { calls: 5, waiting: 2 },
    retries: { underWay: 3, allowed: 3 },
    panic: true,
  } as const
  assert.equal(shown({ ...answer(), guards: [quiet] }), shown(answer()))
  const text = shown({ ...answer(), guards: [held] })
  assert.match(text, /\nThe circuit is open: nothing is sent for 3s\.\n/)
  assert.match(text, /\nBulkhead: 5 under way, 2 waiting\.\n/)
  assert.match(text, /\nRetries and hedges: 3 under way of 3 that the budget allows\.\n/)
  assert.match(text, /\nPanic: too few are in/)
  const half = { ...quiet, circuit: { state: 'half-open', leftMs: 0 } } as const
  assert.match(shown({ ...answer(), guards: [half, { ...quiet, service: 'shop' }] }), /users: The circuit is half open/)
})

test('why no instance is known is said, and of a redirect none is missed', () => {
  const { candidates: _, ...rest } = answer()
  assert.match(shown({ ...rest, candidates: [] }), /No instance is registered: the gateway answers 503/)
  const unknown = 'service "users": the registry has not said where it is'
  assert.match(
    shown({ ...rest, candidates: [], unknown }),
    /No instance is known: service "users": the registry has not/,
  )
  const route = { name: 'r', redirect: { host: 'a.com' } }
  for (const candidates of [[], undefined]) {
    assert.doesNotMatch(shown({ ...rest, route, ...(candidates && { candidates }) }), /No instance|No gateway/)
  }
})
