/** For tests: a tracer whose spans stay here. */
import { systemClock } from '../../core/clock.ts'
import type { AttributeValue } from '../../core/span.ts'
import type { FinishedSpan } from './contract.ts'
import { SAMPLERS } from './samplers.ts'
import { Tracer } from './tracer.ts'

export interface KeptSpans {
  readonly tracer: Tracer
  /** In the order in which they ended. */
  readonly spans: FinishedSpan[]
  named(name: string): FinishedSpan[]
  /** Names of the events of all spans of this name, with their facts without `skein.`. */
  told(name: string): [string, Record<string, AttributeValue>][]
}

export function keptSpans(sampler = 'parentbased_always_on', ratio = 1): KeptSpans {
  const spans: FinishedSpan[] = []
  const sink = { add: (span: FinishedSpan) => void spans.push(span) }
  const named = (name: string) => spans.filter((span) => span.name === name)
  return {
    tracer: new Tracer({ sink, sampler: SAMPLERS[sampler]!.make(ratio), clock: systemClock }),
    spans,
    named,
    told: (name) =>
      named(name).flatMap(({ events }) => events.map(({ name: word, attributes }) => [word, factsOf(attributes)])),
  }
}

function factsOf(attributes: ReadonlyMap<string, AttributeValue>): Record<string, AttributeValue> {
  return Object.fromEntries([...attributes].map(([key, value]) => [key.replace(/^skein\./, ''), value]))
}

/** Attributes as an object. */
export function attributesOf({ attributes }: FinishedSpan): Record<string, AttributeValue> {
  return Object.fromEntries(attributes)
}
