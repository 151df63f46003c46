/**
 * Who fails more often than the others, by the answers of an interval: failures that never come five in a row. Source: gRFC A50, Envoy's
 * outlier detection. An endpoint's own failures are told from those that all have by the mean: it is out that lies `stdevFactor` standard
 * deviations below, and at any rate one that hardly does anything but fail. Envoy's form alone takes one out for a single error
 * in a hundred where the others have none, and of many that are alike always the one or other; so it has to lie below by `gapPercent` as well.
 */

export interface RateLimits {
  readonly stdevFactor: number
  readonly gapPercent: number
  readonly failurePercent: number
}

/** Answers of one endpoint in an interval. */
export interface Answers {
  readonly well: number
  readonly failed: number
}

interface Rated<A> {
  readonly answers: A
  readonly requests: number
  /** Of success. */
  readonly percent: number
}

/** Fewer endpoints say nothing about what is usual. */
const ENDPOINTS_LEAST = 5
const REQUESTS_LEAST = 100
const REQUESTS_LEAST_FOR_FAILURES = 50

/** Those that are to be out, each with what is said of it. */
export function lowRates<A extends Answers>(all: readonly A[], limits: RateLimits): Map<A, string> {
  return new Map([
    ...failing(rated(all, REQUESTS_LEAST_FOR_FAILURES), limits),
    ...below(rated(all, REQUESTS_LEAST), limits),
  ])
}

function rated<A extends Answers>(all: readonly A[], least: number): Rated<A>[] {
  const busy = all.filter(({ well, failed }) => well + failed >= least)
  if (busy.length < ENDPOINTS_LEAST) return []
  return busy.map((answers) => {
    const requests = answers.well + answers.failed
    return { answers, requests, percent: (100 * answers.well) / requests }
  })
}

/** At the limit is out, as in Envoy; gRFC A50 says both. */
function failing<A>(all: readonly Rated<A>[], { failurePercent }: RateLimits): [A, string][] {
  return all.filter(({ percent }) => 100 - percent >= failurePercent).map((one) => [one.answers, wording(one, all)])
}

function below<A>(all: readonly Rated<A>[], { stdevFactor, gapPercent }: RateLimits): [A, string][] {
  const percents = all.map(({ percent }) => percent)
  const limit = Math.min(successRateThreshold(percents, stdevFactor), mean(percents) - gapPercent)
  return all.filter(({ percent }) => percent < limit).map((one) => [one.answers, wording(one, all)])
}

/** Out is who lies below: mean − factor × standard deviation, that of the population: of a sample it could never fire for one in five. */
export function successRateThreshold(percents: readonly number[], factor: number): number {
  const middle = mean(percents)
  return middle - factor * Math.sqrt(mean(percents.map((percent) => (percent - middle) ** 2)))
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}

function wording({ requests, percent }: Rated<unknown>, all: readonly Rated<unknown>[]): string {
  const usual = 100 - mean(all.map((one) => one.percent))
  return `${(100 - percent).toFixed(0)} % of ${requests} requests failed, ${usual.toFixed(0)} % are usual`
}
