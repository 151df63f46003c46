/** Of what is in a bag, each knows where. */
export interface Bagged {
  /** The bag's own; -1 outside. */
  place: number
}

/**
 * What is under way, in no order: to be put in and taken out at every request. Unlike a Set, which is written anew after as
 * many removals as it has places, it makes no garbage.
 */
export class Bag<T extends Bagged> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    member.place = this.#members.length
    this.#members.push(member)
  }

  /** The last takes its place. Does nothing for what is not in the bag. */
  delete(member: T): void {
    const { place } = member
    if (place === -1) return
    member.place = -1
    const last = this.#members.pop()!
    if (last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** A copy, as the bag may change while its members are looked at. */
  all(): T[] {
    return this.#members.slice()
  }
}
