/** Lets go of what came first where there is more than `max`: Maps and Sets keep the order in which things came. */
export function dropOldest<K>(kept: Map<K, unknown> | Set<K>, max: number): void {
  if (kept.size > max) kept.delete(kept.keys().next().value!)
}
