/** What chooses one of many, measured in a process of its own. */

/** Made over so many instances; the `i`-th pick differs from the one before in its key. */
export interface Contestant {
  pick(i: number): unknown
  /** A member goes or, the next time, comes back; the pick that follows is part of it. Absent where it has to be made anew. */
  change?(): void
}

export interface Entry {
  /** `skein`, or the package and what of it. */
  readonly peer: string
  /** The policy of Skein's that does the same. */
  readonly policy: string
  readonly what: string
  /** Skein's entry that does the same; default the one that is called `skein`. */
  readonly like?: string
  make(size: number): Contestant | Promise<Contestant>
}

export interface Figures {
  readonly pickNs: number
  /** Of the heap, for each pick. */
  readonly bytes: number
  /** Absent where there is no change of members. */
  readonly changeMs?: number | undefined
}
