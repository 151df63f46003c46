/** What the gateway's access log says about one instance. */
import type { AccessLine } from './stage.ts'

export interface Sent {
  /** When the attempt was sent, ms since the epoch. */
  readonly at: number
  readonly instance: string
  readonly outcome: number | string
}

/** Attempts in the order in which they were sent; the line is written when the last one is over. */
export function attemptsOf(lines: readonly AccessLine[]): Sent[] {
  const sent = lines.flatMap(({ time, attempts }) => {
    let at = Date.parse(time) - attempts.reduce((sum, { durationMs }) => sum + durationMs, 0)
    return attempts.map(({ instance, outcome, durationMs }) => {
      const began = at
      at += durationMs
      return { at: began, instance, outcome }
    })
  })
  return sent.sort((a, b) => a.at - b.at)
}

/** The instance's part of all attempts in a window of time; NaN of none. */
export function share(sent: readonly Sent[], instance: string, from: number, to = Infinity): number {
  const all = sent.filter(({ at }) => at >= from && at < to)
  return all.filter((one) => one.instance === instance).length / all.length
}

/**
 * How long after `from` the instance's share fell below 1 % of all in each window of 250 ms; NaN = never. One attempt alone asks
 * whether it is back, which is no traffic: of the few that fit into a window it would be more than that.
 */
export function quietAfter(sent: readonly Sent[], instance: string, from: number): number {
  const windowMs = 250
  const end = sent.at(-1)?.at ?? from
  let quiet = Number.NaN
  for (let at = from; at + windowMs <= end; at += windowMs) {
    const within = sent.filter((one) => one.at >= at && one.at < at + windowMs)
    const its = within.filter((one) => one.instance === instance).length
    if (its > 1 && its >= 0.01 * within.length) quiet = Number.NaN
    else if (Number.isNaN(quiet)) quiet = at - from
  }
  return quiet
}
