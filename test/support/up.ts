/** Runs `skein up` on a configuration of its own, in a folder of its own, on free ports, as a user would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { freePort } from '../../src/core/free-port.ts'
import type { InstanceInfo } from '../../src/fleet/contract.ts'

export { freePort }

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SKEIN = path.join(ROOT, 'bin/skein.js')

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Up {
  readonly dir: string
  readonly gateway: string
  readonly registry: string
  readonly child: ChildProcess
  /** All that `skein up` printed so far. */
  readonly output: () => string
  /** Runs another skein command in the same folder. */
  skein(...args: string[]): Promise<Run>
  instances(): Promise<InstanceInfo[]>
  /** Metrics of the gateway's admin port. */
  gatewayMetrics(): Promise<string>
  /** Resolves with the exit status when it has ended by itself. */
  readonly exited: Promise<number | null>
  /** Sends the signal and resolves with the exit status. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Polls `test` until it gives something. @throws Error with `what` and the last failure after `limitMs`. */
export async function eventually<T>(
  what: string,
  test: () => Promise<T | undefined | false>,
  limitMs = 30_000,
): Promise<T> {
  const end = performance.now() + limitMs
  let last: unknown
  while (performance.now() < end) {
    try {
      const result = await test()
      if (result !== undefined && result !== false) return result
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${what}: not within ${limitMs} ms`, { cause: last })
}

/** A folder inside the repository, so that `import 'skein'` finds the package; removed by `remove`. */
export function scratch(name: string): { dir: string; remove: () => void } {
  const dir = path.join(ROOT, 'test/.tmp', `${name}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`)
  mkdirSync(dir, { recursive: true })
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/**
 * Starts `skein up` in `dir` on the configuration that `config` makes for the given ports, and waits until each of `paths`
 * answers 200 through the gateway.
 */
export async function up(
  dir: string,
  config: (ports: { gateway: number; registry: number }) => string,
  paths: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Up> {
  const ports = { gateway: await freePort(), registry: await freePort() }
  writeFileSync(path.join(dir, 'skein.config.ts'), config(ports))
  const child = spawn(process.execPath, [SKEIN, 'up', '--verbose', '--dns-port', '0'], {
    cwd: dir,
    env: { ...process.env, ...env },
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve))
  let admin: string | undefined
  const gateway = `http://127.0.0.1:${ports.gateway}`

  const started: Up = {
    dir,
    gateway,
    registry: `http://127.0.0.1:${ports.registry}`,
    child,
    exited,
    output: () => output,
    skein: (...args) => run(process.execPath, [SKEIN, ...args], dir, { ...process.env, ...env }),
    async instances() {
      const { stdout, stderr, code } = await started.skein('ps', '--json')
      if (code !== 0) throw new Error(`skein ps: ${stderr}`)
      return JSON.parse(stdout).instances
    },
    async gatewayMetrics() {
      admin ??= JSON.parse((await started.skein('ps', '--json')).stdout).gateway.admin
      return (await request(`${admin}/metrics`)).body.text()
    },
    async end(signal = 'SIGINT') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return exited
    },
  }

  try {
    for (const wanted of paths) {
      await eventually(`${wanted} through the gateway`, async () => {
        if (child.exitCode !== null) throw new Error(`skein up ended with ${child.exitCode}`)
        const answer = await request(gateway + wanted)
        await answer.body.dump()
        return answer.statusCode === 200
      })
    }
  } catch (error) {
    await started.end('SIGTERM')
    throw new Error(`skein up did not come up; it printed:\n${output}`, { cause: error })
  }
  return started
}

/** True while a process with this id exists. */
/** IDs of a service's instances that are passing, in order. */
export async function passing(registry: string, service: string): Promise<string[]> {
  const entries = (await (await fetch(`${registry}/v1/health/service/${service}?passing`)).json()) as Entry[]
  return entries.map(({ Service }) => Service.ID).sort()
}

interface Entry {
  readonly Service: { readonly ID: string }
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
