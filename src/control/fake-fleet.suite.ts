/** For the tests of this folder: a fleet that only notes what it was asked. */
import { SkeinError } from '../core/errors.ts'
import type { Fleet, InstanceInfo, LogLine, ServiceSpec } from '../fleet/contract.ts'

export class FakeFleet implements Fleet {
  readonly asked: string[] = []
  readonly lines: LogLine[] = []
  readonly #listeners = new Set<(line: LogLine) => void>()

  list(): readonly InstanceInfo[] {
    return [{ id: 'a-1', service: 'a', ordinal: 1, state: 'ready', pid: 1, port: 2, weight: 1, restarts: 0 }]
  }

  async settled(): Promise<void> {}

  async scale(service: string, instances: number): Promise<void> {
    this.asked.push(`scale ${service} ${instances}`)
  }

  async add({ name, instances }: ServiceSpec): Promise<void> {
    this.asked.push(`add ${name} ${instances}`)
  }

  async remove(service: string): Promise<void> {
    this.asked.push(`remove ${service}`)
  }

  async restart(target: string): Promise<void> {
    if (target === 'x') throw new SkeinError('UNKNOWN_TARGET', 'nothing called "x" runs here', { target })
    if (target === 'bug') throw new TypeError('secret')
    this.asked.push(`restart ${target}`)
  }

  async stop(target: string): Promise<void> {
    this.asked.push(`stop ${target}`)
  }

  logs(filter: { service?: string; instance?: string; last?: number } = {}): readonly LogLine[] {
    const found = this.lines.filter(({ service }) => filter.service === undefined || service === filter.service)
    return filter.last === undefined ? found : found.slice(-filter.last)
  }

  onLog(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onChange(): () => void {
    return () => {}
  }

  async close(): Promise<void> {
    this.asked.push('close')
  }

  get listeners(): number {
    return this.#listeners.size
  }

  write(service: string, text: string): void {
    const line: LogLine = { at: 1, service, instance: `${service}-1`, stream: 'stdout', text }
    this.lines.push(line)
    for (const listener of this.#listeners) listener(line)
  }
}
