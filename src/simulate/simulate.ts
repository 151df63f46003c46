/**
 * Runs one scenario with one policy. Arrivals, work and choices have generators of their own, made of the seed, so that all policies
 * meet the same requests at the same times.
 */
import { parseBalance } from '../balance/policies.ts'
import { checkHedge } from '../client/hedge-policy.ts'
import { below, type Random, seeded } from '../core/random.ts'
import type { Instance } from '../discovery/contract.ts'
import { type StaticSource, staticSource } from '../discovery/source/static.ts'
import { SimulatedCaller } from './caller.ts'
import { wrongIn } from './check-scenario.ts'
import type { InstanceSpec, ScenarioEvent, SimulationOptions, SimulationResult } from './contract.ts'
import { EventClock } from './event-clock.ts'
import { SimulatedInstance } from './instance.ts'
import { exponential, meanOf } from './latency.ts'
import { KeyCensus, keyAt } from './moved-keys.ts'
import { Tally } from './tally.ts'

const SERVICE = 'simulated'
/** Apart enough that no generator is another's continuation. */
const [ARRIVALS, CHOICES, WORK] = [0x1000_0000, 0x2000_0000, 0x4000_0000]

/** @throws RangeError for a scenario, `balance` or `hedge` that makes no sense; of the scenario it says all that is wrong. */
export function simulate(options: SimulationOptions): SimulationResult {
  const { scenario, seed = 1, hedge } = options
  const wrong = wrongIn(scenario)
  if (wrong.length > 0) throw new RangeError(`scenario ${JSON.stringify(scenario.name)}: ${wrong.join('; ')}`)
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed ${seed} is not a whole number`)
  const wrongHedge = hedge && checkHedge(hedge)
  if (wrongHedge !== undefined) throw new RangeError(`hedge: ${wrongHedge}`)
  return new Simulation(options).run()
}

class Simulation {
  readonly #options: SimulationOptions
  readonly #seed: number
  readonly #clock = new EventClock()
  readonly #arrivals: Random
  readonly #running = new Map<string, SimulatedInstance>()
  readonly #source: StaticSource
  readonly #callers: readonly SimulatedCaller[]
  readonly #tally = new Tally()
  readonly #census: KeyCensus | undefined
  #registered: readonly Instance[]

  constructor(options: SimulationOptions) {
    const { scenario, balance, seed = 1 } = options
    this.#options = options
    this.#seed = seed
    this.#arrivals = seeded(seed + ARRIVALS)
    this.#registered = scenario.instances.map((spec) => this.#start(spec))
    this.#source = staticSource(this.#registered)
    this.#callers = Array.from({ length: scenario.callers ?? 1 }, (_, i) => this.#newCaller(i))
    const parsed = parseBalance(balance)
    const parts = { clock: this.#clock, random: seeded(seed) }
    const changes = scenario.events?.some((event) => event.do === 'add' || event.do === 'remove')
    const counts = parsed.on !== undefined && changes === true
    this.#census = counts ? new KeyCensus(parsed, parts, this.#registered) : undefined
  }

  run(): SimulationResult {
    const { scenario } = this.#options
    for (const event of scenario.events ?? []) this.#clock.after(event.atMs, () => this.#happen(event))
    const capacity = scenario.instances.reduce((sum, one) => sum + (one.concurrency ?? 1) / meanOf(one.latency), 0)
    this.#arrive(0, 1 / (capacity * scenario.utilisation))
    this.#clock.runAll()
    return this.#tally.result(this.#clock.monotonic(), this.#census?.moves)
  }

  #newCaller(number: number): SimulatedCaller {
    const { scenario, balance, hedge, observer } = this.#options
    return new SimulatedCaller({
      number,
      service: SERVICE,
      watch: this.#source.watch(SERVICE),
      clock: this.#clock,
      random: seeded(this.#seed + CHOICES + number),
      balance,
      attempts: scenario.attempts ?? 3,
      attemptTimeoutMs: scenario.attemptTimeoutMs ?? 1000,
      hedge,
      onHedge: () => this.#tally.hedged(),
      observer,
      send: (instance, done) => {
        this.#tally.sent(instance)
        this.#running.get(instance)!.serve(done)
      },
    })
  }

  #arrive(count: number, pauseMs: number): void {
    const { requests, keys = 1000 } = this.#options.scenario
    if (count === requests) this.#tally.over(this.#clock.monotonic())
    else
      this.#clock.after(exponential(pauseMs, this.#arrivals), () => {
        const begun = this.#clock.monotonic()
        const caller = this.#callers[count % this.#callers.length]!
        caller.call(keyAt(below(this.#arrivals, keys)), (ok) => this.#tally.ended(ok, this.#clock.monotonic() - begun))
        this.#arrive(count + 1, pauseMs)
      })
  }

  #happen(event: ScenarioEvent): void {
    if (event.do === 'add') this.#register([...this.#registered, this.#start(event.instance)])
    else if (event.do === 'remove') this.#remove(event.instance)
    else if (event.do === 'flaky') this.#running.get(event.instance)!.flaky(event.part)
    else if (event.do === 'slow') this.#running.get(event.instance)!.slow(event.factor)
    else this.#running.get(event.instance)!.become(CONDITIONS[event.do])
  }

  #remove(instance: string): void {
    this.#tally.left(instance, this.#clock.monotonic())
    this.#register(this.#registered.filter(({ id }) => id !== instance))
  }

  #start(spec: InstanceSpec): Instance {
    const index = this.#running.size
    this.#running.set(spec.id, new SimulatedInstance(spec, this.#clock, seeded(this.#seed + WORK + index)))
    this.#tally.joined(spec.id, spec.weight ?? 1, this.#clock.monotonic())
    return asRegistered(spec, index)
  }

  #register(instances: readonly Instance[]): void {
    this.#registered = instances
    this.#source.set(instances)
    this.#census?.changed(instances)
  }
}

const CONDITIONS = { kill: 'dead', hang: 'hung', fail: 'failing', heal: 'well' } as const

function asRegistered({ id, weight = 1, meta = {}, tags = [] }: InstanceSpec, index: number): Instance {
  const address = `10.0.${index >> 8}.${index & 255}`
  return { id, service: SERVICE, address, port: 80, node: 'simulated', weight, tags, meta, status: 'passing' }
}
