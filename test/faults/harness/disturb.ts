/** Faults while something works. */
import type { Random } from '../../../src/core/random.ts'

/** Disturbs again and again, with a pause of random length before each time, until the work is done. */
export async function untilDone<T>(
  work: Promise<T>,
  random: Random,
  [least, most]: readonly [number, number],
  disturb: () => Promise<void>,
): Promise<T> {
  const over = work.then(
    () => true,
    () => true,
  )
  const pause = () => new Promise<false>((resolve) => setTimeout(resolve, least + random() * (most - least), false))
  while (!(await Promise.race([over, pause()]))) await disturb()
  return work
}
