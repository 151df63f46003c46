/** What an overloaded instance says of itself in the output of its beat, so that whoever asks the registry sees it. */

/** Empty where it refuses nothing. */
export function refusingText(perSecond: number): string {
  return perSecond === 0 ? '' : `refuses ${perSecond.toFixed(1)} requests/s`
}

/** Requests a second that an instance says it refuses; 0 where it says nothing of the kind. */
export function refusingIn(output: string): number {
  return Number(/^refuses (\d+\.\d) requests\/s$/.exec(output)?.[1] ?? 0)
}
