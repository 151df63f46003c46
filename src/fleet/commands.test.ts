/**
 * Random commands at random moments on processes that behave at random. Whatever happened: once it is quiet, exactly what
 * is wanted runs, and no process is left over. That there are never two processes in one place is checked at every launch.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bench, GOOD, type Script, spec } from './fake-host.suite.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)
const runs = Number(process.env['SKEIN_RUNS'] ?? 150)

const SERVICES = ['a', 'b'] as const
const service = fc.constantFrom(...SERVICES)
const ordinal = fc.integer({ min: 1, max: 4 })
const command = fc.oneof(
  fc.record({ do: fc.constant('scale' as const), service, count: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ do: fc.constant('restart' as const), service }),
  fc.record({ do: fc.constant('restart one' as const), service, ordinal }),
  fc.record({ do: fc.constant('stop one' as const), service, ordinal }),
  fc.record({ do: fc.constant('stop' as const), service }),
  fc.record({ do: fc.constant('remove' as const), service }),
  fc.record({ do: fc.constant('add' as const), service, count: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ do: fc.constant('crash' as const), service, ordinal }),
  fc.record({ do: fc.constant('freeze' as const), service, ordinal }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 20, 100, 300, 1500, 12_000) }),
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

const script: fc.Arbitrary<Script> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(GOOD) },
  {
    weight: 2,
    arbitrary: fc.record({
      readyMs: fc.option(fc.constantFrom(50, 1000), { nil: undefined }),
      exitMs: fc.option(fc.constantFrom(10, 500, 3000), { nil: undefined }),
      drainMs: fc.option(fc.constantFrom(10, 2000), { nil: undefined }),
    }),
  },
)

/** What shall run, by the documented meaning of the commands and nothing else. */
class Wish {
  readonly #running = new Map<string, Set<number>>()
  readonly #count = new Map<string, number>()
  readonly #before = new Map<string, number>()
  /** What has been removed takes no commands; from when it has gone it may be added again. */
  readonly #removed = new Map<string, 'leaving' | 'gone'>()

  constructor(count: number) {
    for (const name of SERVICES) this.#begin(name, count)
  }

  knows(name: string): boolean {
    return !this.#removed.has(name)
  }

  remove(name: string): void {
    this.#running.set(name, new Set())
    this.#removed.set(name, 'leaving')
  }

  gone(name: string): void {
    this.#removed.set(name, 'gone')
  }

  add(name: string, count: number): void {
    if (this.#removed.get(name) !== 'gone') return
    this.#removed.delete(name)
    this.#begin(name, count)
  }

  #begin(name: string, count: number): void {
    this.#count.set(name, 0)
    this.#before.set(name, Math.max(1, count))
    this.scale(name, count)
  }

  scale(name: string, count: number): void {
    if (count === 0 && this.#count.get(name)! > 0) this.#before.set(name, this.#count.get(name)!)
    this.#count.set(name, count)
    this.#running.set(name, new Set(Array.from({ length: count }, (_, i) => i + 1)))
  }

  restart(name: string): void {
    const count = this.#count.get(name)!
    this.scale(name, count === 0 ? this.#before.get(name)! : count)
  }

  one(name: string, place: number, runs: boolean): void {
    if (place > this.#count.get(name)!) return
    if (runs) this.#running.get(name)!.add(place)
    else this.#running.get(name)!.delete(place)
  }

  ids(): string[] {
    return SERVICES.flatMap((name) => [...this.#running.get(name)!].map((place) => `${name}-${place}`)).sort()
  }
}

test('after any sequence of commands, running = wanted and nothing leaks', async () => {
  console.log(`seed ${seed} (SKEIN_SEED), ${runs} runs (SKEIN_RUNS)`)
  const cases = fc.asyncProperty(
    fc.array(command, { minLength: 1, maxLength: 25 }),
    fc.array(script, { minLength: 1, maxLength: 8 }),
    fc.constantFrom(1, 2, 100),
    fc.boolean(),
    (commands, scripts, startsAtOnce, closes) => story(commands, scripts, startsAtOnce, closes),
  )
  await fc.assert(cases, { seed, numRuns: runs })
})

test('a restart starts what was stopped, also when the replacement of another fails', () =>
  story(
    [
      { do: 'stop one', service: 'a', ordinal: 2 },
      { do: 'restart', service: 'a' },
      { do: 'pass', ms: 12_000 },
      { do: 'freeze', service: 'a', ordinal: 1 },
    ],
    [{ readyMs: undefined, exitMs: undefined, drainMs: undefined }],
    1,
    false,
  ))

async function story(commands: readonly Command[], scripts: readonly Script[], startsAtOnce: number, closes: boolean) {
  let launched = 0
  const bench = new Bench(
    SERVICES.map((name) => spec(name, { instances: 2 })),
    () => scripts[launched++ % scripts.length]!,
    { startsAtOnce },
  )
  const wish = new Wish(2)
  const pending: Promise<unknown>[] = []
  await bench.fleet.start()
  for (const one of commands) await obey(bench, wish, one, pending)
  bench.host.script = () => GOOD
  if (closes) pending.push(bench.fleet.close())
  // Quiet: long enough for a hanging start, the longest back-off and a rolling restart through all of them.
  await bench.pass(400_000, 500)
  assert.equal(await answered(pending), true, 'a command was never answered')
  const expected = closes ? [] : wish.ids()
  assert.deepEqual(bench.living(), expected)
  const ready = bench.fleet.list().filter(({ state }) => state === 'ready')
  assert.deepEqual(ready.map(({ id }) => id).sort(), expected)
  void bench.fleet.close()
  await bench.pass(5000)
  assert.deepEqual(bench.living(), [])
}

/** Time stands still now: what is not answered already never will be. */
function answered(pending: readonly Promise<unknown>[]): Promise<boolean> {
  const never = new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))
  return Promise.race([Promise.all(pending).then(() => true), never])
}

async function obey(bench: Bench, wish: Wish, one: Command, pending: Promise<unknown>[]): Promise<void> {
  if (one.do === 'pass') return bench.pass(one.ms)
  const id = 'ordinal' in one ? `${one.service}-${one.ordinal}` : one.service
  if (one.do === 'crash')
    return bench.host
      .alive()
      .find((process) => process.id === id)
      ?.exit(1)
  if (one.do === 'freeze') return freeze(bench, id)
  const asked = ask(bench, wish, one, id)
  // A command may truthfully fail when a process does; but only so.
  pending.push(
    asked.catch((error) => assert.match(error.code, /START_FAILED|UNKNOWN_TARGET|SHUTTING_DOWN|INVALID_INPUT/)),
  )
}

function ask(bench: Bench, wish: Wish, one: Command, id: string): Promise<void> {
  if (one.do === 'add') {
    wish.add(one.service, one.count)
    return bench.fleet.add(spec(one.service, { instances: one.count }))
  }
  if (one.do === 'remove') return remove(bench, wish, one.service)
  if ('service' in one && !wish.knows(one.service))
    return one.do === 'scale' ? bench.fleet.scale(id, one.count) : bench.fleet.restart(id)
  if (one.do === 'scale') {
    wish.scale(one.service, one.count)
    return bench.fleet.scale(one.service, one.count)
  }
  const known = bench.fleet.list().some((info) => info.id === id)
  if ('ordinal' in one && known) wish.one(one.service, one.ordinal, one.do === 'restart one')
  if (one.do === 'stop') wish.scale(one.service, 0)
  if (one.do === 'restart') wish.restart(one.service)
  return one.do.startsWith('stop') ? bench.fleet.stop(id) : bench.fleet.restart(id)
}

async function remove(bench: Bench, wish: Wish, name: string): Promise<void> {
  const isFirst = wish.knows(name)
  if (isFirst) wish.remove(name)
  await bench.fleet.remove(name)
  if (isFirst) wish.gone(name)
}

function freeze(bench: Bench, id: string): void {
  const process = bench.host.alive().find((one) => one.id === id)
  if (process !== undefined) process.frozen = true
}
