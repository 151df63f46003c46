/** Prometheus finds its targets in the registry by http_sd_configs, scrapes them, and lets go of them when they are gone. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type RunningRegistry, startRegistry } from '../../src/registry/index.ts'
import { findProgram, needsProgram } from '../support/needs.ts'
import { eventually, freePort, scratch } from '../support/up.ts'

const TOKEN = 'token-of-prometheus'

const config = (registry: string) => `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: skein
    authorization: { type: Bearer, credentials: ${TOKEN} }
    http_sd_configs:
      - url: ${registry}/v1/skein/prometheus?tag=scraped
        refresh_interval: 1s
        authorization: { type: Bearer, credentials: ${TOKEN} }
    relabel_configs:
      - { source_labels: [__meta_consul_service], target_label: service }
      - { source_labels: [__meta_consul_service_metadata_zone], target_label: zone }
      - { source_labels: [__meta_consul_tags], regex: '.*,canary,.*', action: drop }
`

interface Target {
  readonly labels: Record<string, string>
  readonly discoveredLabels: Record<string, string>
  readonly health: string
  readonly lastError: string
}

describe('Prometheus discovers by HTTP', { skip: needsProgram('prometheus'), timeout: 90_000 }, () => {
  const { dir, remove } = scratch('prometheus')
  let registry: RunningRegistry
  let prometheus: ChildProcess
  let url: string
  let output = ''

  before(async () => {
    registry = await startRegistry({ port: 0, token: TOKEN })
    const port = await freePort()
    const file = path.join(dir, 'prometheus.yml')
    writeFileSync(file, config(registry.url))
    const args = [`--config.file=${file}`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${port}`]
    prometheus = spawn(findProgram('prometheus')!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [prometheus.stdout, prometheus.stderr]) stream?.on('data', (chunk) => (output += chunk))
    url = `http://127.0.0.1:${port}`
  })

  after(async () => {
    if (prometheus?.exitCode === null) {
      prometheus.kill('SIGTERM')
      await once(prometheus, 'exit')
    }
    await registry?.close()
    remove()
  })

  const put = async (path: string, body?: object) => {
    const headers = { 'x-consul-token': TOKEN }
    const response = await fetch(registry.url + path, {
      method: 'PUT',
      headers,
      body: body ? JSON.stringify(body) : null,
    })
    assert.equal(response.status, 200, await response.text())
  }
  const targets = async () => {
    const response = await fetch(`${url}/api/v1/targets?state=active`)
    return ((await response.json()) as { data: { activeTargets: Target[] } }).data.activeTargets
  }

  test('scrapes what is registered, with its labels, and nothing that is gone', async () => {
    // The registry itself is what is scraped: it serves metrics.
    const service = { Name: 'web', Port: registry.port, Tags: ['scraped'], Meta: { zone: 'north' } }
    await put('/v1/agent/service/register', { ...service, ID: 'web1' })
    await put('/v1/agent/service/register', { ...service, ID: 'web2', Tags: ['scraped', 'canary'] })
    await put('/v1/agent/service/register', { ...service, ID: 'web3', Tags: [] })
    const [target, ...others] = await eventually('a scraped target', async () => {
      const found = await targets()
      return found.some(({ health }) => health === 'up') && found
    }).catch((error) => {
      throw new Error(output, { cause: error })
    })
    assert.deepEqual(others, [])
    assert.deepEqual([target?.labels['service'], target?.labels['zone'], target?.lastError], ['web', 'north', ''])
    assert.equal(target?.discoveredLabels['__meta_consul_service_id'], 'web1')
    await put('/v1/agent/service/deregister/web1')
    await eventually('no target', async () => (await targets()).length === 0)
  })
})
