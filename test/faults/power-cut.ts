/**
 * A power cut under the registry on SQLite: its files lie in an ext4 image on a loop device. While clients write, the
 * registry is frozen and the image copied as it is: the copy holds what was flushed and nothing else. Mounted, its journal is
 * replayed, and a registry on it must know all that was acknowledged. (kill -9 alone proves nothing here: the kernel keeps
 * what the program wrote.)
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { below } from '../../src/core/random.ts'
import { findProgram, needsProgram, type Skip } from '../support/needs.ts'
import { startRegistryProcess } from '../support/registry-process.ts'
import { run } from '../support/up.ts'
import type { Fault, FaultContext } from './harness/contract.ts'
import { createWriter, type Writer } from './harness/writer.ts'

const IMAGE_MB = 24

export default {
  name: 'power-cut',
  what: 'the ext4 image under the registry on SQLite is copied while it writes, and a registry started on the copy',
  ci: true,
  skip(): Skip {
    const program = needsProgram('mkfs.ext4', 'e2fsprogs') || needsProgram('mount')
    if (program !== false) return program
    if (process.getuid?.() !== 0) return 'a loop device is mounted by root only'
    const free = spawnSync('losetup', ['-f'], { encoding: 'utf8' })
    return free.status === 0 ? false : `no loop device: ${free.stderr.trim()}`
  },
  async run(context) {
    const runs = context.pick({ ci: 3, normal: 5, long: 50 })
    const found = { acknowledged: 0, lost: [] as string[], invented: [] as string[], corrupt: [] as string[] }
    for (let turn = 1; turn <= runs; turn++) await cutOnce(context, turn, found)
    return [
      { figure: 'writes acknowledged before the cuts', value: found.acknowledged, unit: 'writes', atLeast: runs * 50 },
      {
        figure: 'of them lost',
        value: found.lost.length,
        unit: '',
        atMost: 0,
        of: found.acknowledged,
        detail: found.lost[0],
      },
      {
        figure: 'never written and there',
        value: found.invented.length,
        unit: '',
        atMost: 0,
        of: found.acknowledged,
        detail: found.invented[0],
      },
      {
        figure: 'starts refused as corrupt',
        value: found.corrupt.length,
        unit: '',
        atMost: 0,
        of: runs,
        detail: found.corrupt[0],
      },
    ]
  },
} satisfies Fault

interface Found {
  acknowledged: number
  readonly lost: string[]
  readonly invented: string[]
  readonly corrupt: string[]
}

async function cutOnce(context: FaultContext, turn: number, found: Found): Promise<void> {
  const { random, dir, after, pick, log } = context
  const image = path.join(dir, `disk-${turn}.img`)
  const copy = path.join(dir, `copy-${turn}.img`)
  await makeImage(image)
  const disk = await mounted(context, image)
  const registry = await startRegistryProcess(['--data', path.join(disk, 'data')])
  after(() => registry.close())
  const writer = createWriter(registry.url, random)
  after(() => writer.close())

  const moment = 50 + below(random, pick({ ci: 1500, normal: 10_000, long: 10_000 }))
  let cut: Promise<void> | undefined
  const powerCut = async () => {
    await registry.signal('SIGSTOP')
    await command('cp', ['--sparse=always', image, copy])
    await registry.signal('SIGKILL')
  }
  await writer.write(Infinity, (sofar) => {
    if (sofar >= moment) cut ??= powerCut()
  })
  await cut
  found.acknowledged += writer.acknowledged
  log(`cut ${turn}: cut after ${writer.acknowledged} acknowledged writes`)
  await lookAt(context, path.join(await mounted(context, copy), 'data'), writer, found)
}

async function lookAt({ after }: FaultContext, data: string, writer: Writer, found: Found): Promise<void> {
  try {
    const registry = await startRegistryProcess(['--data', data])
    after(() => registry.close())
    writer.moveTo(registry.url)
    const { lost, invented } = await writer.check('restarted')
    found.lost.push(...lost)
    found.invented.push(...invented)
    await registry.close()
  } catch (error) {
    found.corrupt.push(String(error))
  }
}

async function makeImage(image: string): Promise<void> {
  await command('truncate', ['-s', `${IMAGE_MB}M`, image])
  await command(findProgram('mkfs.ext4')!, ['-q', '-F', image])
}

/** Where it is mounted; until the end. */
async function mounted({ after }: FaultContext, image: string): Promise<string> {
  const folder = `${image}.mounted`
  mkdirSync(folder)
  await command('mount', ['-o', 'loop', image, folder])
  after(() => command('umount', ['-l', folder]))
  return folder
}

async function command(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(program, args, '/')
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}
