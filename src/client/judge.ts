/** What the end of an attempt says about its instance: told to outlier detection and to the policy, once for all who call. */
import type { BalanceConfig } from '../balance/balance-config.ts'
import type { FailureKind, OutlierState } from '../balance/outlier.ts'
import type { Span } from '../core/span.ts'
import type { Parts } from './call.ts'
import type { Candidate } from './candidate.ts'
import type { Upstream } from './upstream.ts'

/** `outpaced`: given up because another had answered; `unknown`: given up for reasons of the caller's. */
export type Verdict = FailureKind | 'well' | 'outpaced' | 'unknown'

const IN: OutlierState = { eligible: true }

export interface Judged {
  readonly upstream: Upstream
  readonly candidate: Candidate
  readonly verdict: Verdict
  readonly balance: BalanceConfig | undefined
  /** Of the call, or of the request that is served. */
  readonly span: Span | undefined
}

/** Judges, and tells of the instance where that has taken it out. */
export function judgeAndTell(
  { upstream, candidate, verdict, balance, span }: Judged,
  { metrics, log }: Pick<Parts, 'metrics' | 'log'>,
): void {
  const reason = judge(upstream, candidate, verdict, balance)
  if (reason === undefined) return
  const { service } = upstream
  const { id: instance } = candidate
  metrics.ejections.with(service, instance, verdict).value++
  span?.decide('ejection', { instance, reason })
  log.warn({ service, instance, reason }, 'instance ejected')
}

/** Returns why the instance has been ejected by this, where it has. */
export function judge(
  upstream: Upstream,
  candidate: Candidate,
  verdict: Verdict,
  balance: BalanceConfig | undefined,
): string | undefined {
  const { outlier } = upstream
  const { id } = candidate
  if (verdict === 'well') outlier.answered(id)
  else if (verdict === 'unknown') outlier.cancelled(id)
  else if (verdict === 'outpaced') outlier.outpaced(id)
  else {
    outlier.failed(id, verdict)
    upstream.chooser(balance).policy.failed?.(id)
  }
  const { reason, told } = outlier.allIn() ? IN : outlier.state(id)
  const wasOut = candidate.ejected
  candidate.ejected = reason !== undefined
  // What it cost while it was out, the probe that brings it back included, says nothing about it afterwards, and would keep it
  // idle for a minute.
  if (wasOut || candidate.ejected) for (const load of Object.values(candidate.loads)) load.forget()
  // Of one that another has told of it has been said and counted there.
  return !wasOut && told === undefined ? reason : undefined
}
