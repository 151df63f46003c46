/**
 * What a route does with its requests, outermost first. A route's pipeline has only the steps that it asks for, so that what is
 * not used costs nothing. The order is the meaning: each entry says why it stands where it does.
 */
import { compose, type Step } from '../core/compose.ts'
import { keeperOf } from './cache/keeper.ts'
import type { Exchange, Parts } from './exchange.ts'
import { earlyLimits, lateLimits } from './rule/rate-limit.ts'
import type { GatewayRoute } from './snapshot.ts'
import { admit } from './step/admit.ts'
import { authenticate } from './step/authenticate.ts'
import { compress } from './step/compress.ts'
import { editHeaders } from './step/edit-headers.ts'
import { forget } from './step/forget.ts'
import { forward } from './step/forward.ts'
import { keep } from './step/keep.ts'
import { limitRate } from './step/limit-rate.ts'
import { maintain } from './step/maintain.ts'
import { mirror } from './step/mirror.ts'
import { receiveBody } from './step/receive-body.ts'
import { redirect } from './step/redirect.ts'
import { refuseUpgrade } from './step/refuse-upgrade.ts'
import { rewrite } from './step/rewrite.ts'
import { runSteps } from './step/run-steps.ts'
import { share } from './step/share.ts'
import { split } from './step/split.ts'
import { stick } from './step/stick.ts'
import { tunnel } from './step/tunnel.ts'

type Entry = readonly [isWanted: (route: GatewayRoute) => unknown, step: Step<Exchange, void>]
type Run = (exchange: Exchange) => Promise<void>

export function routePipelines(parts: Parts): (route: GatewayRoute) => Run {
  const send = forward(parts)
  const splice = tunnel(parts)
  const keeper = keeperOf(parts)
  const entries: readonly Entry[] = [
    // Must be outermost: the list is the route's, and who is not on it gets nothing but the refusal.
    [({ rules }) => rules.admits, admit],
    // Must be above all that answers below, whose answers get the route's fields too; no other constraint.
    [({ rules }) => rules.requestHeaders || rules.responseHeaders, editHeaders],
    // No constraint: it only notes what is done with the upstream's answer.
    [({ rules }) => rules.compress, compress],
    // Must be above all that may refuse, or pages could not read why; above authentication, as preflights bring no credentials.
    [({ rules }) => rules.cors, share],
    // Must be above limits and authentication: to hear that it is closed, nobody needs leave.
    [({ rules }) => rules.maintenance, maintain],
    // Must be below CORS, because preflights must not be redirected. Above what costs: there is nothing to protect.
    [({ config }) => config.redirect, redirect],
    // Must be above the limits, of which what is refused whoever asks takes nothing; below CORS, which says who may ask.
    [() => true, refuseUpgrade],
    // Must be above everything that costs more than counting.
    [({ rules }) => earlyLimits(rules.rateLimits).length > 0, limitRate(parts, earlyLimits)],
    // Must be below the cheap limits, as a signature costs much; above all that acts for the client.
    [({ rules }) => rules.auth, authenticate],
    // Must be below authentication, which says whose limit it is.
    [({ rules }) => lateLimits(rules.rateLimits).length > 0, limitRate(parts, lateLimits)],
    // Must be below authentication, as they may ask who it is; above what chooses and changes for the upstream.
    [({ rules }) => rules.steps.length > 0, runSteps(parts)],
    // Must be above what is told the service; below authentication, so that no refusal counts in a share.
    [({ config }) => config.split, split(parts)],
    // Must be below all that looks at the path which the client asked for.
    [({ config }) => config.rewrite, rewrite],
    // Must be below all that answers without the service, as then nothing was changed. No other constraint.
    [({ forgets }) => forgets, forget(keeper)],
    // Must be below all that may refuse or change what is asked for; above the body, which a kept answer does not need.
    [({ rules }) => rules.cache, keep(parts, keeper)],
    // Must be below all that may refuse: it asks the client for the body, which is only right once somebody will take it.
    [() => true, receiveBody(parts)],
    // Must be below the split, as a session is with one service, and below the cache, whose answers come from no instance.
    [({ sticky }) => sticky, stick(parts)],
    // Must be below the body, of which it sends a copy, and below the rewrite. No other constraint.
    [({ config }) => config.mirror, mirror(parts)],
  ]
  const last: Run = (exchange) => (exchange.upgrading ? splice(exchange) : send(exchange))
  const made = new WeakMap<GatewayRoute, Run>()
  return (route) => {
    let run = made.get(route)
    if (run === undefined) {
      const steps = entries.filter(([isWanted]) => isWanted(route)).map(([, step]) => step)
      run = compose(steps, last)
      made.set(route, run)
    }
    return run
  }
}
