/** Instances as one caller sees them, and as policies do. */
import { isDeepStrictEqual } from 'node:util'
import type { Endpoint, Load } from '../balance/contract.ts'
import { LOADS, type LoadName } from '../balance/loads.ts'
import type { Instance } from '../discovery/contract.ts'
import type { Protocol } from './protocol.ts'

/** One instance with what this caller has learnt of it; lives as long as the instance keeps its ID and address. */
export interface Candidate {
  readonly id: string
  /** `host:port` */
  readonly key: string
  instance: Instance
  /** As the instance says. */
  protocol: Protocol
  readonly loads: Readonly<Record<LoadName, Load>>
  /** Whether its ejection has been counted and logged. */
  ejected: boolean
}

export interface CandidateEndpoint extends Endpoint {
  readonly candidate: Candidate
}

/** The same candidates as endpoints of each metric. */
export type Endpoints = Readonly<Record<LoadName, readonly CandidateEndpoint[]>>

export function noEndpoints(): Endpoints {
  return eachLoad(() => [])
}

const LOAD_NAMES = Object.keys(LOADS) as LoadName[]

export function eachLoad<T>(make: (load: LoadName) => T): Record<LoadName, T> {
  return { 'in-flight': make('in-flight'), 'peak-ewma': make('peak-ewma'), utilisation: make('utilisation') }
}

/** The endpoints of these, the same objects where nothing has changed. */
export function keepEndpoints(before: Endpoints, candidates: readonly Candidate[]): Endpoints {
  return sameMembers(before['in-flight'], candidates)
    ? before
    : eachLoad((load) => candidates.map((candidate) => endpointOf(candidate, load)))
}

function sameMembers(endpoints: readonly CandidateEndpoint[], offered: readonly Candidate[]): boolean {
  return (
    endpoints.length === offered.length &&
    endpoints.every((endpoint, i) => endpoint.candidate === offered[i] && isUnchanged(endpoint, offered[i]!.instance))
  )
}

function isUnchanged({ weight, meta, tags }: CandidateEndpoint, instance: Instance): boolean {
  if (weight !== instance.weight) return false
  return (meta === instance.meta && tags === instance.tags) || isDeepStrictEqual({ meta, tags }, scopeFacts(instance))
}

function scopeFacts({ meta, tags }: Instance): Pick<Endpoint, 'meta' | 'tags'> {
  return { meta, tags }
}

function endpointOf(candidate: Candidate, load: LoadName): CandidateEndpoint {
  const { id, key, instance, loads } = candidate
  return { id, key, weight: instance.weight, load: loads[load], candidate, ...scopeFacts(instance) }
}

/** A request is on its way to `candidate`; to be ended once by `endLoad`. */
export function beginLoad({ loads }: Candidate): void {
  for (const name of LOAD_NAMES) loads[name].begin()
}

/** With the latency until the head, ms, if it says something; `isLeast` where no head came until then. */
export function endLoad({ loads }: Candidate, latencyMs: number | undefined, isLeast = false): void {
  for (const name of LOAD_NAMES) loads[name].end(latencyMs, isLeast)
}
