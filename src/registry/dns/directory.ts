/**
 * Finds names without regard to case, and who has an address: what DNS asks and the state's own tables do not answer. Built
 * anew at the first question after a definition changed, so registrations pay nothing for it and a flip of health neither.
 */

import { RESOURCE } from '../state/resources.ts'
import type { State } from '../state/state.ts'
import { parseIp, toHex } from './address.ts'

export interface AtAddress {
  readonly nodes: readonly string[]
  /** Names of services that have it as their own. */
  readonly services: readonly string[]
}

export class Directory {
  readonly #services: () => ReadonlyMap<string, readonly string[]>
  readonly #nodes: () => ReadonlyMap<string, readonly string[]>
  readonly #addresses: () => ReadonlyMap<string, AtAddress>

  constructor(state: State) {
    // A store that went back in time may come to the same index with other names.
    const versionOf = (resource: string) => `${state.generation}/${state.indexOf(resource)}`
    const services = () => versionOf(RESOURCE.services)
    const nodes = () => versionOf(RESOURCE.nodes)
    this.#services = remember(services, () => byLowerCase(state.instances.names()))
    this.#nodes = remember(nodes, () => byLowerCase(state.nodes.keys()))
    this.#addresses = remember(
      () => `${services()} ${nodes()}`,
      () => byAddress(state),
    )
  }

  /** Names of services that are `name` (in lower case) but for case: mostly one. */
  services(name: string): readonly string[] {
    return this.#services().get(name) ?? []
  }

  nodes(name: string): readonly string[] {
    return this.#nodes().get(name) ?? []
  }

  /** `address` in hexadecimal. */
  at(address: string): AtAddress | undefined {
    return this.#addresses().get(address)
  }
}

/** Calls `build` again only when `version` gives something else than the last time. */
function remember<T>(version: () => unknown, build: () => T): () => T {
  let known: { readonly version: unknown; readonly value: T } | undefined
  return () => {
    const current = version()
    if (known?.version !== current) known = { version: current, value: build() }
    return known!.value
  }
}

function byLowerCase(names: Iterable<string>): Map<string, string[]> {
  return Map.groupBy(names, (name) => name.toLowerCase())
}

function byAddress(state: State): Map<string, AtAddress> {
  const nodes = Map.groupBy(state.nodes.values(), ({ Address }) => hexOf(Address))
  const services = Map.groupBy(state.services.values(), ({ Address }) => hexOf(Address))
  const addresses = new Set([...nodes.keys(), ...services.keys()])
  const entry = (address: string): AtAddress => ({
    nodes: (nodes.get(address) ?? []).map(({ Node }) => Node),
    services: [...new Set((services.get(address) ?? []).map(({ Service }) => Service))],
  })
  return new Map([...addresses].filter((address) => address !== '').map((address) => [address, entry(address)]))
}

function hexOf(text: string): string {
  const address = parseIp(text)
  return address === undefined ? '' : toHex(address)
}
