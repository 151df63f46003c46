/** The turns of smooth weighted round robin, one by one, as nginx takes them. */

/** `effective` is the weight less what failures took; it grows back by 1 a pick. */
export interface Turn {
  readonly weight: number
  current: number
  effective: number
}

/** Nothing has been taken from it. */
export function isWhole({ weight, effective }: Turn): boolean {
  return effective === weight
}

/** `scale`: what the weights of all come to now, over what they came to before; a current weight counts in parts of that sum. */
export function newTurn(weight: number, before?: Turn, scale = 1): Turn {
  if (before === undefined) return { weight, current: 0, effective: weight }
  const effective = Math.max(0, weight - (before.weight - before.effective))
  return { weight, current: Math.round(before.current * scale), effective }
}

/** Index of the one whose turn it is, or -1. One that is not eligible is passed over and keeps its current weight. */
export function nextTurn(turns: readonly Turn[], eligible: (index: number) => boolean): number {
  let best = -1
  let total = 0
  for (let index = 0; index < turns.length; index++) {
    if (!eligible(index)) continue
    const turn = turns[index]!
    turn.current += turn.effective
    total += turn.effective
    if (turn.effective < turn.weight) turn.effective++
    if (best < 0 || turn.current > turns[best]!.current) best = index
  }
  if (best >= 0) turns[best]!.current -= total
  return best
}

/** Lowers the effective weight after a failure; with `maxFails` 1 (nginx's default) to zero. */
export function failTurn(turn: Turn, maxFails = 1): void {
  turn.effective = Math.max(0, turn.effective - Math.floor(turn.weight / maxFails))
}
