/** The admin pages of a gateway with several workers: each is put together from theirs, so that it reads like that of one. */
import { Metrics } from '../../telemetry/metrics.ts'
import type { Page, Pages } from '../admin.ts'
import type { PageText } from './contract.ts'
import { mergeExplain } from './merge-explain.ts'
import { mergeMetrics } from './merge-metrics.ts'
import type { Supervisor } from './supervisor.ts'

type Merge = (pages: readonly PageText[]) => string

const first: Merge = ([page]) => page!.text

/** Of the workers' pages that are asked for, how several become one. */
const MERGED: Readonly<Record<string, Merge>> = {
  '/routes': first,
  '/explain': (pages) => mergeExplain(pages.map(({ text }) => text)),
}

export function workersPages(supervisor: Supervisor): Pages {
  const own = ownMetrics(supervisor)
  const pages: Readonly<Record<string, (query: URLSearchParams) => Page | Promise<Page>>> = {
    '/metrics': async () => ({ status: 200, body: mergeMetrics([await supervisor.metrics(), own.toText()]) }),
    '/health/ready': () => readiness(supervisor),
    '/workers': () => workersPage(supervisor),
    ...Object.fromEntries(
      Object.entries(MERGED).map(([path, merge]) => [path, (query) => askAll(supervisor, path, query, merge)]),
    ),
  }
  return {
    paths: Object.keys(pages),
    get: (path, query) => (Object.hasOwn(pages, path) ? pages[path]!(query) : undefined),
  }
}

function ownMetrics(supervisor: Supervisor): Metrics {
  const metrics = new Metrics()
  const ready = metrics.gauge('skein_gateway_workers', 'Workers that serve.').with()
  const restarts = metrics.counter('skein_gateway_worker_restarts_total', 'Workers begun in place of others.').with()
  metrics.onCollect(() => {
    ready.value = supervisor.ready.length
    restarts.value = supervisor.restarts
  })
  return metrics
}

/** One that serves is enough: the others are being started again. */
function readiness({ ready, count, closing }: Supervisor): Page {
  const isReady = ready.length > 0 && !closing
  const status = closing ? 'draining' : isReady ? 'ok' : 'starting'
  return { status: isReady ? 200 : 503, body: { status, workers: { ready: ready.length, of: count } } }
}

async function workersPage({ workers }: Supervisor): Promise<Page> {
  const body = workers.map(async (worker) => {
    const { number, pid, state } = worker
    return { worker: number, pid, state, ...(await worker.counts()) }
  })
  return { status: 200, body: await Promise.all(body) }
}

async function askAll({ ready }: Supervisor, path: string, query: URLSearchParams, merge: Merge): Promise<Page> {
  const target = `${path}?${query}`
  const asked = merge === first ? ready.slice(0, 1) : ready
  const pages = (await Promise.all(asked.map((worker) => worker.page(target)))).filter((page) => page !== undefined)
  if (pages.length === 0) return { status: 503, body: { status: 'no worker answers' } }
  // What one refuses they all refuse.
  const { status } = pages[0]!
  const text = status === 200 ? merge(pages.filter((page) => page.status === 200)) : pages[0]!.text
  return { status, body: JSON.parse(text) }
}
