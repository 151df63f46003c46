/** The process under measurement: `child.ts <number of the entry> <size> <ms>`; prints its figures as JSON. */
import type { Contestant, Figures } from './contract.ts'
import { ENTRIES } from './entries.ts'

const [index, size, ms] = process.argv.slice(2).map(Number) as [number, number, number]
const CHANGES = 30
const PART_MS = 5
/** For counting bytes: no more than the young heap holds. */
const COUNTED = 50_000
const collect = (globalThis as { gc?: () => void }).gc!

const contestant = await ENTRIES[index]!.make(size)
const pickNs = nsPerPick(contestant, ms)
const figures: Figures = { pickNs, bytes: bytesPerPick(contestant), changeMs: msPerChange(contestant) }
console.log(JSON.stringify(figures))
process.exit()

/** The best of many short parts: what else runs on the machine only ever adds, and leaves some of them alone. */
function nsPerPick(one: Contestant, totalMs: number): number {
  one.pick(0) // what is made at first, as a table, is no part of it
  const end = performance.now() + totalMs
  const warm = performance.now() + totalMs / 6
  // Apart: in an array beside a fraction the number would be one as well, and cost two nanoseconds a pick.
  let done = 0
  let best = Number.POSITIVE_INFINITY
  for (let now = performance.now(); now < end; ) {
    const from = done
    const begun = now
    while (now - begun < PART_MS) {
      for (let i = 0; i < 256; i++) one.pick(done++)
      now = performance.now()
    }
    if (now > warm) best = Math.min(best, ((now - begun) * 1e6) / (done - from))
  }
  return best
}

function bytesPerPick(one: Contestant): number {
  collect()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < COUNTED; i++) one.pick(i)
  // What reading the memory itself takes is less than a byte a pick.
  return Math.max(0, Math.round((process.memoryUsage().heapUsed - before) / COUNTED))
}

/** The median, as a change is too rare to be warm; after a few that bring the code in. */
function msPerChange({ change }: Contestant): number | undefined {
  if (change === undefined) return undefined
  const times = Array.from({ length: CHANGES }, () => {
    const begun = performance.now()
    change()
    return performance.now() - begun
  })
  return times.slice(4).sort((a, b) => a - b)[Math.floor((CHANGES - 4) / 2)]
}
