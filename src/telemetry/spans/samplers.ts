/** OpenTelemetry's samplers by their names in OTEL_TRACES_SAMPLER. `ratio` is OTEL_TRACES_SAMPLER_ARG, for those that have one. */
import { SAMPLED } from '../trace.ts'
import type { Sampler } from './contract.ts'

type MakeSampler = (ratio: number) => Sampler

const alwaysOn: MakeSampler = () => () => true
const alwaysOff: MakeSampler = () => () => false

/** 13 hex digits are 52 bits: what a number holds exactly. */
const DIGITS = 13

/** By the trace id's random right half, its first bits first, as the SDK for Go has it: services that share a ratio agree. */
const byTraceId: MakeSampler = (ratio) => {
  const bound = ratio * 16 ** DIGITS
  return (traceId) => Number.parseInt(traceId.slice(16, 16 + DIGITS), 16) < bound
}

/** As the parent was decided; a root by `root`. */
const parentBased =
  (root: MakeSampler): MakeSampler =>
  (ratio) => {
    const ofRoot = root(ratio)
    return (traceId, parent) =>
      parent === undefined ? ofRoot(traceId, parent) : (parent.traceFlags & SAMPLED) === SAMPLED
  }

export const SAMPLERS: Readonly<Record<string, { readonly make: MakeSampler; readonly hasRatio: boolean }>> = {
  always_on: { make: alwaysOn, hasRatio: false },
  always_off: { make: alwaysOff, hasRatio: false },
  traceidratio: { make: byTraceId, hasRatio: true },
  parentbased_always_on: { make: parentBased(alwaysOn), hasRatio: false },
  parentbased_always_off: { make: parentBased(alwaysOff), hasRatio: false },
  parentbased_traceidratio: { make: parentBased(byTraceId), hasRatio: true },
}

export const DEFAULT_SAMPLER = 'parentbased_always_on'
