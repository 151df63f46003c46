/** /v1/agent/host: the machine that the registry runs on, by the field names of Consul's library (gopsutil). */
import { statfs } from 'node:fs/promises'
import { arch, cpus, freemem, hostname, platform, release, totalmem, uptime, version } from 'node:os'
import { type Answer, type ApiRequest, json, type Registry } from './endpoint.ts'

export async function host({ rights }: ApiRequest, { clock }: Registry): Promise<Answer> {
  rights.require('operator', 'read')
  const now = clock.now()
  return json({
    Memory: memory(),
    CPU: cpus().map(({ model, speed }, i) => ({ cpu: i, cores: 1, modelName: model, mhz: speed })),
    Host: {
      hostname: hostname(),
      uptime: Math.floor(uptime()),
      bootTime: Math.floor(now / 1000 - uptime()),
      os: platform(),
      platform: platform(),
      platformVersion: version(),
      kernelVersion: release(),
      kernelArch: arch(),
    },
    Disk: await disk(process.cwd()),
    CollectionTime: now * 1e6,
    Errors: null,
  })
}

function memory() {
  const total = totalmem()
  const free = freemem()
  return { total, available: free, used: total - free, usedPercent: (100 * (total - free)) / total, free }
}

async function disk(path: string) {
  const { bsize, blocks, bavail } = await statfs(path)
  const total = blocks * bsize
  const free = bavail * bsize
  return { path, total, free, used: total - free, usedPercent: total === 0 ? 0 : (100 * (total - free)) / total }
}
