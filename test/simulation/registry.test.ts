/**
 * The registry in virtual time beside its dumb twin: random writes, random watchers, random pauses. After each step every
 * answer and index is the twin's, whoever should have been woken was, with the right answer, and nobody else. A run is
 * repeated by its seed, SKEIN_SEED; SKEIN_RUNS says how many, each with the next one.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { VirtualClock } from '../../src/core/clock.ts'
import { below, type Random, seeded } from '../../src/core/random.ts'
import { type RegistryOptions, type RunningRegistry, startRegistry } from '../../src/registry/index.ts'
import { OPERATIONS, type Reply, type Run } from './operations.ts'
import { ASKED, type Question } from './questions.ts'
import { Twin } from './registry-twin.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 20_261_122)
const RUNS = Number(process.env['SKEIN_RUNS'] ?? 5)
const STEPS = 120
const RESTART_EVERY = 25
const WATCHERS_MAX = 12

interface Answer {
  readonly index: number
  readonly shown: string
}

interface Watcher {
  readonly question: Question
  readonly asked: number
  /** What there was when it began to wait. */
  readonly first: Answer
  readonly answer: Promise<Answer>
}

interface Setting {
  readonly start: () => Promise<RunningRegistry>
  readonly clock: VirtualClock
  readonly random: Random
  /** The storage commits in groups. */
  readonly groups: boolean
}

class Simulation implements Run {
  readonly twin = new Twin('node1')
  readonly random: Random
  readonly send: Run['send']
  readonly #clock: VirtualClock
  readonly #start: () => Promise<RunningRegistry>
  #registry: RunningRegistry
  #held = new Map<string, Watcher>()
  /** Who is to be answered now, and how. */
  #woken: { watcher: Watcher; expected: Answer; byWrite: boolean }[] = []
  #watchers = 0
  readonly #groups: boolean

  constructor(registry: RunningRegistry, { start, clock, random, groups }: Setting) {
    this.#start = start
    this.#registry = registry
    this.#clock = clock
    this.#groups = groups
    this.random = random
    this.send = (method, path, body) => send(`${this.#registry.url}/v1/${path}`, method, body)
    this.twin.onWrite = (moved) => this.#wake(moved)
  }

  async step(): Promise<void> {
    const { random } = this
    await this.#pass(below(random, 4 * 1024) / 1024)
    if (random() < 0.1) await this.#pass(below(random, 15_000 * 1024) / 1024)
    if (random() < 0.4 && this.#held.size < WATCHERS_MAX) await this.#watch()
    await OPERATIONS[below(random, OPERATIONS.length)]!(this)
    await this.#settle()
    for (let i = 0; i < 3; i++) await this.#compare(this.#anyQuestion())
  }

  /** Whoever waits is answered with what there is. */
  async restart(): Promise<void> {
    for (const name of [...this.#held.keys()]) this.#release(name)
    await this.#registry.close()
    await this.#compareWoken()
    this.twin.restart()
    this.#registry = await this.#start()
    await this.#settle()
  }

  /** Whoever still waits is answered when the registry closes. */
  async end(): Promise<void> {
    await this.#registry.close()
    await Promise.allSettled([...this.#held.values()].map(({ answer }) => answer))
  }

  #anyQuestion(): Question {
    return ASKED[below(this.random, ASKED.length)]!
  }

  /** From timer to timer, so that what one of them does is there before the next one. */
  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; ) {
      const passed = this.twin.step(left)
      if (this.#groups) this.#joinWrites()
      this.#clock.advance(passed)
      left -= passed
      await this.#settle()
    }
  }

  /** Writes that fall due at one instant are one commit: whoever they wake sees all that happened then. */
  #joinWrites(): void {
    for (const one of this.#woken) if (one.byWrite) one.expected = this.#expected(one.watcher.question)
  }

  #expected(question: Question): Answer {
    return { index: this.twin.indexOf(question), shown: shownBy(question.answer(this.twin.world)) }
  }

  async #compare(question: Question): Promise<Answer> {
    const answer = await this.#ask(question, question.path)
    assert.deepEqual(answer, this.#expected(question), question.path)
    return answer
  }

  async #ask(question: Question, query: string): Promise<Answer> {
    const response = await fetch(`${this.#registry.url}/v1/${query}`)
    const text = await response.text()
    const index = Number(response.headers.get('x-consul-index'))
    return { index, shown: shownBy(response.status === 404 ? undefined : question.read(JSON.parse(text))) }
  }

  /** With the index of now; at times with an older one, which is answered at once, or one from the future. */
  async #watch(): Promise<void> {
    const question = this.#anyQuestion()
    const first = await this.#compare(question)
    const asked = Math.max(1, first.index + (this.random() < 0.8 ? 0 : below(this.random, 7) - 3))
    const waitMs = 1024 * (1 + below(this.random, 60))
    const query = `${question.path}${question.path.includes('?') ? '&' : '?'}index=${asked}&wait=${waitMs}ms`
    const watcher = { question, asked, first, answer: this.#ask(question, query) }
    if (first.index > asked) return assert.deepEqual(await watcher.answer, first, query)
    const name = `watcher ${this.#watchers++} of ${query}`
    this.#held.set(name, watcher)
    this.twin.after(name, waitMs + waitMs / 32, () => this.#release(name))
    await this.#settle()
  }

  #release(name: string, byWrite = false): void {
    const watcher = this.#held.get(name)!
    this.#held.delete(name)
    this.twin.stop(name)
    this.#woken.push({ watcher, expected: this.#expected(watcher.question), byWrite })
  }

  #wake(moved: (question: Question) => boolean): void {
    for (const [name, { question, asked, first }] of this.#held) {
      const now = this.#expected(question)
      const isSame = question.suppresses && first.index === asked && first.shown === now.shown
      if (moved(question) && now.index > asked && !isSame) this.#release(name, true)
    }
  }

  /** Until the registry has done what the twin has, and holds as many as it. */
  async #settle(): Promise<void> {
    const expected = { index: this.twin.world.index, held: this.#held.size }
    for (let tries = 0; ; tries++) {
      const metrics = await (await fetch(`${this.#registry.url}/metrics`)).text()
      const value = (name: string) => Number(new RegExp(`^skein_registry_${name} (\\d+)$`, 'm').exec(metrics)?.[1])
      const found = { index: value('index'), held: value('blocking_queries') }
      if (found.index === expected.index && found.held === expected.held) break
      if (tries === SETTLE_TRIES) assert.deepEqual(found, expected, `held: ${[...this.#held.keys()].join(', ')}`)
    }
    await this.#compareWoken()
  }

  async #compareWoken(): Promise<void> {
    const woken = this.#woken
    this.#woken = []
    for (const { watcher, expected: answer } of woken) {
      assert.deepEqual(await watcher.answer, answer, `a watcher of ${watcher.question.path} from ${watcher.asked}`)
    }
  }
}

async function send(url: string, method: string, body: unknown): Promise<Reply> {
  const encoded = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, { method, ...(encoded === undefined ? {} : { body: encoded }) })
  return { status: response.status, text: await response.text() }
}

/** Each is a round trip; what is under way takes one or two. */
const SETTLE_TRIES = 100

const shownBy = (answer: unknown) => JSON.stringify(answer) ?? 'none'

interface Plan {
  readonly storage?: RegistryOptions['storage']
  /** Made in the twin before it begins. */
  mistake?(twin: Twin): void
}

/** On a storage that lasts the registry is restarted now and then. */
async function simulate(seed: number, { storage = 'memory', mistake }: Plan = {}): Promise<void> {
  const clock = new VirtualClock()
  const start = () => startRegistry({ port: 0, nodeName: 'node1', clock, random: () => 0.5, storage })
  const setting = { start, clock, random: seeded(seed), groups: storage !== 'memory' }
  const simulation = new Simulation(await start(), setting)
  mistake?.(simulation.twin)
  try {
    for (let step = 0; step < STEPS; step++) {
      if (storage !== 'memory' && step % RESTART_EVERY === RESTART_EVERY - 1) await simulation.restart()
      await simulation.step().catch((error) => {
        throw new Error(`step ${step}, seed ${seed}: ${error.message}`, { cause: error })
      })
    }
  } finally {
    await simulation.end()
  }
}

for (let run = 0; run < RUNS; run++) {
  test(`the registry agrees with its dumb twin, watchers too: seed ${SEED + run}`, { timeout: 120_000 }, () =>
    simulate(SEED + run),
  )
}

test('on SQLite, over restarts', { timeout: 60_000 + RUNS * 10_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-simulation-'))
  try {
    for (let run = 0; run < Math.ceil(RUNS / 2); run++) {
      await simulate(SEED + run, { storage: { sqlite: path.join(folder, `${run}.db`) } })
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** What the simulation would say of a registry that had the opposite mistake. */
const MISTAKES: Readonly<Record<string, (twin: Twin) => void>> = {
  'wakes nobody': (twin) => {
    twin.onWrite = () => {}
  },
  'lets nothing expire': (twin) => {
    twin.after = () => {}
  },
  'counts an index too many': (twin) => {
    twin.world.index++
  },
}

for (const [what, mistake] of Object.entries(MISTAKES)) {
  test(`the simulation notices a twin that ${what}`, { timeout: 120_000 }, () =>
    assert.rejects(simulate(SEED, { mistake }), /^Error: step \d+, seed/),
  )
}
