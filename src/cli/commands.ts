/** The commands, in the order of the help. Each is loaded when it is run: `skein --help` loads none. */
import type { Command } from './command.ts'

export const GROUPS = ['Run', 'Look', 'Parts', 'Registry', 'Start'] as const

export interface CommandEntry {
  /** One word or two: `registry export`. */
  readonly name: string
  readonly group: (typeof GROUPS)[number]
  /** One line; what the command is for. */
  readonly summary: string
  load(): Promise<{ readonly default: Command }>
}

export const COMMANDS: readonly CommandEntry[] = [
  entry(
    'up',
    'Run',
    'run the registry, the gateway and every service of skein.config.ts',
    () => import('./command/up.ts'),
  ),
  entry('scale', 'Run', 'run more or fewer instances of a service', () => import('./command/scale.ts')),
  entry(
    'restart',
    'Run',
    'restart a service one instance at a time, or one instance',
    () => import('./command/restart.ts'),
  ),
  entry('stop', 'Run', 'stop a service, an instance, or the whole fleet', () => import('./command/stop.ts')),
  entry('ps', 'Look', 'list what runs, where, and how it is', () => import('./command/ps.ts')),
  entry('logs', 'Look', 'show what the instances wrote', () => import('./command/logs.ts')),
  entry('call', 'Look', 'call an operation of a service', () => import('./command/call.ts')),
  entry(
    'explain',
    'Look',
    'tell which route, policy and instance a request meets, and why',
    () => import('./command/explain.ts'),
  ),
  entry('validate', 'Look', 'list every mistake of a config', () => import('./command/validate.ts')),
  entry('run', 'Parts', 'run one service', () => import('./command/run.ts')),
  entry('registry', 'Parts', "run a registry: Consul's HTTP API", () => import('./command/registry.ts')),
  entry('gateway', 'Parts', 'run a gateway', () => import('./command/gateway.ts')),
  entry('consul', 'Parts', "do what Consul's command does, with the same flags", () => import('./command/consul.ts')),
  entry('registry export', 'Registry', 'write all of a registry as JSON', () => import('./command/registry-export.ts')),
  entry('registry import', 'Registry', 'bring an export into a registry', () => import('./command/registry-import.ts')),
  entry('registry removed', 'Registry', 'list who is kept out', () => import('./command/registry-removed.ts')),
  entry('registry remove', 'Registry', 'take an instance out for good', () => import('./command/registry-remove.ts')),
  entry('registry allow', 'Registry', 'let it register again', () => import('./command/registry-allow.ts')),
  entry('export', 'Start', 'write a Dockerfile and a compose.yaml of the fleet', () => import('./command/export.ts')),
  entry('init', 'Start', 'write a small project that works', () => import('./command/init.ts')),
]

function entry<C>(
  name: string,
  group: (typeof GROUPS)[number],
  summary: string,
  load: () => Promise<{ readonly default: C }>,
): CommandEntry {
  // A command's `run` wants its own options; the parser has filled them in by the command's own table.
  return { name, group, summary, load: load as CommandEntry['load'] }
}
