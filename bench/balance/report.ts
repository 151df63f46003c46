/** Figures and goals, as a table or as lines of JSON. */
import type { Entry, Figures } from './contract.ts'
import { NEW } from './skein.ts'

export interface Measured {
  readonly entry: Entry
  /** Why there is no figure. */
  readonly missing?: string | undefined
  readonly bySize: readonly { readonly size: number; readonly figures: Figures }[]
}

/** Choose in constant time: at most 200 ns and nothing of the heap. The others have 1 µs. */
const CONSTANT: ReadonlySet<string> = new Set(['round-robin', 'random', 'p2c', 'sticky', 'maglev'])
const CHANGE_AT = 1000
/** A change that takes less is none to speak of. */
const NOTHING_MS = 0.05

interface Verdict {
  readonly goal: string
  readonly value: number
  readonly atMost: number
}

export function report(policy: string, measured: readonly Measured[], json: boolean): string[] {
  const verdicts = judge(policy, measured)
  return json ? jsonLines(measured, verdicts) : [...table(policy, measured), ...verdicts.map(verdictLine), '']
}

function judge(policy: string, measured: readonly Measured[]): Verdict[] {
  const own = measured.find(({ entry }) => entry.peer === 'skein')
  if (own === undefined) return []
  const rivals = measured.filter(({ entry }) => !entry.peer.startsWith('skein'))
  const atMost = CONSTANT.has(policy) ? 200 : 1000
  const ours = measured.filter(({ entry }) => entry.peer === 'skein' || entry.peer === NEW)
  const picks = ours.flatMap(({ entry, bySize }) =>
    bySize.map(({ size, figures }) => {
      return { goal: `ns at ${size}${entry.peer.slice('skein'.length)}`, value: figures.pickNs, atMost }
    }),
  )
  const bytes = Math.max(...own.bySize.map(({ figures }) => figures.bytes))
  const change = own.bySize.find(({ size }) => size === CHANGE_AT)?.figures.changeMs ?? Number.NaN
  return [
    ...picks,
    ...(CONSTANT.has(policy) ? [{ goal: 'bytes of the heap', value: bytes, atMost: 0 }] : []),
    { goal: `ms for a change at ${CHANGE_AT}`, value: change, atMost: policy === 'maglev' ? 50 : 5 },
    ...rivals.flatMap((rival) => {
      const alike = measured.find(({ entry }) => entry.peer === rival.entry.like) ?? own
      return against(alike, rival)
    }),
  ]
}

/** Ahead of each at each size, in time to pick and to change. */
function against(own: Measured, rival: Measured): Verdict[] {
  const name = rival.entry.peer
  return rival.bySize.flatMap(({ size, figures: theirs }, i) => {
    const ours = own.bySize[i]!.figures
    const pick = { goal: `ns at ${size} ÷ ${name}`, value: ours.pickNs / theirs.pickNs, atMost: 1 }
    if (size !== CHANGE_AT || theirs.changeMs === undefined || ours.changeMs! < NOTHING_MS) return [pick]
    return [pick, { goal: `ms for a change ÷ ${name}`, value: ours.changeMs! / theirs.changeMs, atMost: 1 }]
  })
}

function table(policy: string, measured: readonly Measured[]): string[] {
  const sizes = measured.find(({ bySize }) => bySize.length > 0)?.bySize.map(({ size }) => size) ?? []
  const titles = [...sizes.map((size) => `ns at ${size}`), 'bytes', `change ms`]
  const head = `  ${''.padEnd(30)}${titles.map((title) => title.padStart(13)).join('')}`
  return [policy, head, ...measured.map(row)]
}

function row({ entry, missing, bySize }: Measured): string {
  if (missing !== undefined) return `  ${entry.peer.padEnd(30)} ${missing}`
  const changeMs = bySize.find(({ size }) => size === CHANGE_AT)?.figures.changeMs
  const cells = [
    ...bySize.map(({ figures }) => figures.pickNs.toFixed(0)),
    String(Math.max(...bySize.map(({ figures }) => figures.bytes))),
    changeMs === undefined ? '–' : changeMs.toFixed(2),
  ]
  return `  ${entry.peer.padEnd(30)}${cells.map((cell) => cell.padStart(13)).join('')}  ${entry.what}`
}

function verdictLine({ goal, value, atMost }: Verdict): string {
  return `  goal: ${goal} ≤ ${atMost}: ${value.toPrecision(3)} ${word(value, atMost)}`
}

/** No number is no success. */
const word = (value: number, atMost: number) => (value <= atMost ? 'reached' : 'LOST')

function jsonLines(measured: readonly Measured[], verdicts: readonly Verdict[]): string[] {
  const lines = measured.flatMap(({ entry: { policy, peer }, missing, bySize }): object[] =>
    missing !== undefined
      ? [{ bench: 'balance', case: policy, peer, missing }]
      : bySize.map(({ size, figures }) => ({
          bench: 'balance',
          case: policy,
          peer,
          instances: size,
          ns_per_pick: figures.pickNs,
          bytes_per_pick: figures.bytes,
          ms_per_change: figures.changeMs ?? null,
        })),
  )
  const { policy } = measured[0]?.entry ?? {}
  const goals = verdicts.map(({ goal, value, atMost }) => {
    return { bench: 'balance', case: policy, goal, value, at_most: atMost, verdict: word(value, atMost) }
  })
  return [...lines, ...goals].map((line) => JSON.stringify(line))
}
