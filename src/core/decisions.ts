/**
 * What Skein decides on the way of a request, in one table: the word under which each is told in a span, and what it means. Told as
 * an event `skein.<word>` whose attributes are `skein.<fact>`. docs/tracing.md lists the same words.
 */
export const DECISIONS = {
  pick: 'An instance was chosen: by which `policy`, among how many `candidates`; `in_spite` says what speaks against it.',
  retry: 'Another attempt is made: for which `reason`, after `backoff_ms`.',
  'retry-budget-spent': 'No other attempt was made although there was a `reason`: too many are under way.',
  hedge: 'A second instance is asked beside a slow one: `sent`, `won`, or `over_budget` (`outcome`).',
  circuit: 'This call opened the circuit of its service, or closed it (`state`).',
  'circuit-open': 'The service was not asked, as most calls to it failed lately.',
  'bulkhead-full': 'The call was not made, as too many to the service are under way.',
  'bulkhead-wait': 'The call waits for its turn.',
  ejection: 'An `instance` is taken out, for which `reason`.',
  'deadline-exceeded': 'The time was over.',
  fallback: 'A fallback answers in place of the `service`, whose error had this `code`.',
  shed: 'The request was refused, as there is too much to do: of which `priority`, for which `reason`.',
  'rate-limited': 'The request was refused by a limit of its route; the next is let through in `retry_after_s`.',
  cache: 'What the response cache did: the `outcome`.',
  split: 'To which `service` of a split the request goes.',
} as const satisfies Readonly<Record<string, string>>

export type Decision = keyof typeof DECISIONS
