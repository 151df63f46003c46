/** An explanation for people. */
import type { CandidateState, GuardState } from '../../client/contract.ts'
import type { BulkheadPolicy, CircuitPolicy } from '../../client/guard-policy.ts'
import type { HedgePolicy } from '../../client/hedge-policy.ts'
import { systemClock } from '../../core/clock.ts'
import { placeOf } from '../../gateway/routes.ts'
import { formatDuration } from '../ui/duration.ts'
import { pairs, table } from '../ui/table.ts'
import type { Paint } from '../ui/terminal.ts'
import type { Answer } from './answer.ts'

export function renderAnswer(answer: Answer, paint: Paint): string[] {
  const { request, route, why, others } = answer
  const query = request.query === '' ? '' : `?${request.query}`
  return [
    paint('bold', `${request.method} ${request.path}${query}`) + paint('dim', `  host ${request.host}`),
    '',
    ...pairs(facts(answer, paint), ''),
    ...(route === null ? [] : candidateLines(answer, paint)),
    ...(others.length === 0 ? [] : ['', paint('bold', route === null ? 'Routes' : 'Other routes')]),
    ...pairs(others.map((other) => [other.route, paint('dim', other.why)])),
  ].filter((line, i, lines) => line !== '' || lines[i - 1] !== '')

  function facts({ policy, rules = [] }: Answer, style: Paint): [string, string][] {
    if (route === null)
      return [
        ['route', `${style('red', 'none')}: the gateway answers 404`],
        ['why', why],
      ]
    return [
      ['route', style('green', route.name)],
      ['why', why],
      ['service', placeOf(route)],
      ['policy', describePolicy(policy)],
      ...(rules.length === 0 ? [] : [['rules', rules.join(', ')] as [string, string]]),
      ...limits(answer),
    ]
  }
}

function describePolicy(policy: Answer['policy']): string {
  if (policy === undefined) return 'unknown'
  const { policy: name, inner, load, on, boundedLoad, scopes } = policy
  const within = scopes === undefined ? '' : `, within ${Object.keys(scopes).join(', ')}`
  if (on !== undefined)
    return `${name} on ${on}${boundedLoad === undefined ? '' : `, at most ${boundedLoad} × the fair share`}${within}`
  if (inner !== undefined) return `${name}, new sessions by ${inner}${within}`
  return (name === 'p2c' || name === 'least-request' ? `${name}, comparing ${load}` : name) + within
}

/** What the route sets itself; the defaults are no news. */
function limits({ route }: Answer): [string, string][] {
  const { timeoutMs, attemptTimeoutMs, attempts, hedge, bulkhead, circuit } = route!
  const lines: [string, string][] = []
  if (timeoutMs !== undefined) lines.push(['timeout', `${timeoutMs} ms`])
  if (attemptTimeoutMs !== undefined) lines.push(['attempt', `${attemptTimeoutMs} ms at most`])
  if (attempts !== undefined) lines.push(['attempts', String(attempts)])
  if (hedge !== undefined) lines.push(['hedge', describeHedge(hedge)])
  if (bulkhead !== undefined) lines.push(['bulkhead', describeBulkhead(bulkhead)])
  if (circuit !== undefined) lines.push(['circuit', describeCircuit(circuit)])
  return lines
}

function describeBulkhead({ calls, perOperation, queue = 10, waitMs = 100 }: BulkheadPolicy): string {
  const bounds = [calls && `${calls} calls`, perOperation && `${perOperation} of this route`].filter(Boolean)
  return `${bounds.join(', ')} at a time; ${queue} wait for ${waitMs} ms at most`
}

function describeCircuit({ failureShare = 0.5, minimum = 20, windowS = 10, openMs = 5000 }: CircuitPolicy): string {
  const when = `more than ${failureShare * 100} % of at least ${minimum} calls in ${windowS} s have failed`
  return `not asked for ${openMs} ms when ${when}`
}

function describeHedge({ delayMs, max = 1 }: HedgePolicy): string {
  const after = typeof delayMs === 'number' ? `after ${delayMs} ms` : `after the ${delayMs} of its answers`
  return `${max === 1 ? 'a second instance' : `up to ${max} more instances`} ${after}, where it only reads`
}

function candidateLines({ candidates, guards = [], unknown, route }: Answer, paint: Paint): string[] {
  // A redirect, or a page of a sign-in: the gateway answers by itself.
  if (route?.to === undefined && route?.split === undefined) return []
  if (unknown !== undefined && candidates?.length === 0)
    return ['', paint('yellow', `No instance is known: ${unknown}.`)]
  if (candidates === undefined)
    return ['', paint('dim', 'No gateway runs here, so no instance is known: this is from the config alone.')]
  if (candidates.length === 0) return ['', paint('yellow', 'No instance is registered: the gateway answers 503.')]
  const columns = [
    { title: 'INSTANCE' },
    { title: 'ADDRESS' },
    { title: 'WEIGHT', align: 'right' as const },
    { title: 'IN FLIGHT', align: 'right' as const },
    { title: 'COST', align: 'right' as const },
    { title: 'STATE' },
  ]
  return [
    '',
    ...table(
      columns,
      candidates.map((candidate) => row(candidate, paint)),
      paint,
    ),
    ...staleLines(candidates[0]!, paint),
    ...guardLines(guards, paint),
  ]
}

/** What is held back now; nothing where nothing is. */
function guardLines(guards: readonly GuardState[], paint: Paint): string[] {
  const lines = guards.flatMap((guard) =>
    whatHolds(guard).map((what) => (guards.length > 1 ? `${guard.service}: ${what}` : what)),
  )
  return lines.length === 0 ? [] : ['', ...lines.map((line) => paint('yellow', line))]
}

function whatHolds({ circuit, bulkhead, retries, panic }: GuardState): string[] {
  const { calls = 0, waiting = 0 } = bulkhead ?? {}
  return [
    circuit?.state === 'open' && `The circuit is open: nothing is sent for ${formatDuration(circuit.leftMs)}.`,
    circuit?.state === 'half-open' && 'The circuit is half open: one call tries.',
    calls > 0 && `Bulkhead: ${calls} under way, ${waiting} waiting.`,
    retries.underWay > 0 &&
      `Retries and hedges: ${retries.underWay} under way of ${retries.allowed} that the budget allows.`,
    panic && 'Panic: too few are in, so that also those may be chosen that are out.',
  ].filter((line) => typeof line === 'string')
}

/** While the registry is away, or has lost its past, the last known instances are called. */
function staleLines({ confirmedAt }: CandidateState, paint: Paint): string[] {
  if (confirmedAt === undefined) return []
  const age = formatDuration(systemClock.now() - confirmedAt)
  return ['', paint('yellow', `The registry does not confirm these instances: it last did ${age} ago.`)]
}

function row({ instance, inFlight, cost, eligible, reason }: CandidateState, paint: Paint): string[] {
  const but = reason === undefined ? '' : paint('yellow', `, ${reason}`)
  const state = eligible ? paint('green', 'may be chosen') + but : paint('red', reason ?? 'is left out')
  const address = `${instance.address}:${instance.port}`
  return [instance.id, address, String(instance.weight), String(inFlight), cost.toFixed(1), state]
}
