/**
 * How registries on one store share out the health checks. Built in: `storage/etcd/membership.ts`. A registry that is
 * alone on its store has none of it: it owns every check.
 */
export interface CheckSharing {
  /** True when this registry is to run the check: exactly one of those alive is, but for the moment of a change. */
  owns(checkId: string): boolean
  /**
   * A beat came in here, the owner is to know. It hears of it within `beatLagMs`.
   * @throws SkeinError STORAGE_FAILED when this registry is cut off from the others.
   */
  passOn(checkId: string): void
  /** What a TTL check has to wait beyond its TTL, as beats may come by way of another registry. */
  readonly beatLagMs: number
  /** False when beats passed on by others may be missing because the store did not answer lately. */
  readonly inTouch: boolean
  /** Joins the others. `listener` is told until the returned function is called. */
  start(listener: SharingListener): () => void
}

export interface SharingListener {
  /** Checks may have changed their owner. */
  onShift(): void
  /** A beat was passed on to this registry, or may have been. */
  onBeat(checkId: string): void
  /** Any number of beats may have been missed. */
  onDoubt(): void
}
