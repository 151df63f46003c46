/** A registry, and the command line against it without a process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { SETTINGS } from '../../core/settings.ts'
import { type RegistryOptions, startRegistry } from '../../registry/index.ts'
import { runCommandLine } from '../run.ts'

export async function registryKit(options: RegistryOptions = {}) {
  const registry = await startRegistry({ port: 0, nodeName: 'node1', ...options })
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-registry-'))
  return {
    ...{ registry, dir },
    async skein(...argv: string[]) {
      let stdout = ''
      let stderr = ''
      const status = await runCommandLine(argv, {
        stdout: { write: (text) => (stdout += text) },
        stderr: { write: (text) => (stderr += text) },
        env: { [SETTINGS.registry]: registry.url },
        cwd: dir,
      })
      return { status, stdout, stderr }
    },
    /** The status of the answer; objects go as JSON. */
    async put(where: string, body?: unknown): Promise<number> {
      const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body)
      return (await fetch(registry.url + where, { method: 'PUT', ...(text === undefined ? {} : { body: text }) }))
        .status
    },
    async get<T>(where: string): Promise<T> {
      return (await (await fetch(registry.url + where)).json()) as T
    },
    async [Symbol.asyncDispose]() {
      await registry.close()
      rmSync(dir, { recursive: true })
    },
  }
}
