/** Programs under measurement: started, waited for, watched through /proc, ended by their own id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'

export interface Running {
  readonly pid: number
  /** All that it printed so far. */
  output(): string
  close(): Promise<void>
}

export interface StartOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** How long it may take until it accepts, ms, default 15,000. */
  readonly limitMs?: number
}

/** Starts a program that stays, and resolves when `port` accepts. @throws Error with its output when it ends before. */
export async function start(
  command: string,
  args: readonly string[],
  port: number,
  { cwd, env, limitMs = OPEN_LIMIT_MS }: StartOptions = {},
): Promise<Running> {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => (output = (output + chunk).slice(-20_000)))
  }
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${command} ended (${code ?? signal}):\n${output}`)))
  })
  await Promise.race([untilOpen(port, limitMs), failed])
  failed.catch(() => undefined) // later it is ended by us
  return { pid: child.pid!, output: () => output, close: () => end(child) }
}

const OPEN_LIMIT_MS = 15_000

async function untilOpen(port: number, limitMs: number): Promise<void> {
  const limit = performance.now() + limitMs
  while (!(await accepts(port))) {
    if (performance.now() > limit) throw new Error(`nobody listens on port ${port} after ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const late = setTimeout(() => child.kill('SIGKILL'), 3000)
  child.kill('SIGTERM')
  await ended
  clearTimeout(late)
}

/** Runs a program to its end and gives what it printed. @throws Error when it fails. */
export function run(command: string, args: readonly string[], { cwd, env }: StartOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let [output, errors] = ['', '']
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (errors += chunk))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${errors}${output}`))
    })
  })
}

/** CPU time of a process and all below it since they began, µs; user and system, all threads. Linux counts it in ticks of 10 ms. */
export function cpuMicroseconds(pid: number): number {
  return family(pid).reduce((sum, one) => sum + ticksOf(one), 0) * TICK_US
}

const TICK_US = 10_000

/** Resident memory of a process and all below it, bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = (one: number) =>
    Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0)
  return family(pid).reduce((sum, one) => sum + kilobytes(one), 0) * 1024
}

function family(pid: number): number[] {
  const parents = globSync('/proc/[0-9]*/stat').flatMap((file) => {
    const fields = fieldsOf(file)
    return fields === undefined ? [] : [{ pid: Number(file.split('/')[2]), parent: Number(fields[1]) }]
  })
  const found = [pid]
  for (let i = 0; i < found.length; i++) {
    found.push(...parents.filter(({ parent }) => parent === found[i]).map((child) => child.pid))
  }
  return found
}

const ticksOf = (pid: number) => {
  const fields = fieldsOf(`/proc/${pid}/stat`)
  if (fields === undefined) throw new Error(`process ${pid} has ended while it was measured`)
  return Number(fields[11]) + Number(fields[12])
}

/** What stands behind the program's name, from `state` on; undefined when the process has ended. */
function fieldsOf(file: string): string[] | undefined {
  try {
    const text = readFileSync(file, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
