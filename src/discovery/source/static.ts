/** A list of instances given by hand: tests, and services outside the registry. */
import type { Instance, Source } from '../contract.ts'
import { PublishedWatch } from '../watch.ts'

export interface StaticSource extends Source {
  /** Replaces the whole list. */
  set(instances: readonly Instance[]): void
}

/** `instances` of any number of services. A service without an instance has an empty snapshot. */
export function staticSource(instances: readonly Instance[]): StaticSource {
  const watches = new Map<string, PublishedWatch>()
  let list = instances
  const publish = (service: string, watch: PublishedWatch) =>
    watch.publish(
      list.filter((instance) => instance.service === service),
      0,
      false,
    )
  return {
    watch(service) {
      const known = watches.get(service)
      if (known !== undefined) return known
      const watch = new PublishedWatch(service)
      watches.set(service, watch)
      publish(service, watch)
      return watch
    },
    set(next) {
      list = next
      for (const [service, watch] of watches) publish(service, watch)
    },
    async close() {
      watches.clear()
    },
  }
}
