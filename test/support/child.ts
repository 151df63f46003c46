/** A real server as a process of its own: started and stopped by its own id, and frozen or killed as a test wants. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export class ServerProcess {
  #child: ChildProcess | undefined

  /** Resolves when it says `ready` on its standard output. @throws Error with all it said, when it ends before. */
  protected async begin(child: ChildProcess, ready: string): Promise<void> {
    this.#child = child
    const said: string[] = []
    child.stderr?.on('data', (chunk) => said.push(String(chunk)))
    for await (const line of createInterface({ input: child.stdout! })) {
      said.push(line)
      if (line.includes(ready)) return void child.stdout!.resume()
    }
    throw new Error(`${child.spawnfile} has ended:\n${said.join('\n')}`)
  }

  /** As `kill` does; resolves for SIGKILL when it is dead. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child!
    const gone = signal === 'SIGKILL' ? once(child, 'exit') : undefined
    child.kill(signal)
    await gone
  }

  async stop(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) await this.signal('SIGKILL')
  }
}
