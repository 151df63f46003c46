/** 2xx is passing, 429 warning, all else critical. */
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { CheckDefinition, Status } from '../state/records.ts'
import type { CheckResult, Probe } from './contract.ts'
import { networkError, OUTPUT_MAX_BYTES } from './output.ts'
import { forbiddenTarget, guardedLookup } from './target.ts'

const REDIRECTS_MAX = 10

/** Never `http.globalAgent`: a check must not reuse a connection, for it also tests that new ones are accepted. */
export const probeHttp: Probe = async (definition, signal) => {
  const url = new URL(definition.http ?? '')
  try {
    return await follow(definition, url, signal)
  } catch (error) {
    const port = url.port || (url.protocol === 'https:' ? '443' : '80')
    const method = title(definition.method ?? 'GET')
    const fault = networkError(signal.aborted ? signal.reason : error, `${url.hostname}:${port}`)
    return { status: 'critical', output: `${method} "${definition.http}": ${fault}` }
  }
}

/**
 * Redirects are followed as Consul does, but within the origin that was registered only: otherwise an author who controls
 * a server could point the registry at any other one.
 */
async function follow(definition: CheckDefinition, url: URL, signal: AbortSignal): Promise<CheckResult> {
  let at = url
  for (let hops = 0; ; hops++) {
    const response = await send(definition, at, signal)
    const location = response.headers.location
    const redirected = location !== undefined && [301, 302, 303, 307, 308].includes(response.statusCode ?? 0)
    if (!redirected || definition.disableRedirects === true) return judge(definition, response)
    response.destroy()
    at = new URL(location, at)
    const fault = hops >= REDIRECTS_MAX ? `stopped after ${REDIRECTS_MAX} redirects` : leavesOrigin(url, at)
    if (fault !== undefined) return { status: 'critical', output: `${definition.method ?? 'GET'} "${url}": ${fault}` }
  }
}

function leavesOrigin(from: URL, to: URL): string | undefined {
  if (to.origin === from.origin) return forbiddenTarget(to.href)
  return `redirect to ${to.origin} is not followed: it leaves ${from.origin}; register the final address`
}

function send(definition: CheckDefinition, url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const { tlsServerName: servername, method = 'GET', header = {}, body } = definition
  return new Promise((resolve, reject) => {
    const sending = request(url, {
      method,
      headers: {
        'User-Agent': 'Consul Health Check',
        Accept: 'text/plain, text/*, */*',
        ...header,
        Connection: 'close',
      },
      agent: false,
      lookup: guardedLookup,
      signal,
      rejectUnauthorized: definition.tlsSkipVerify !== true,
      ...(servername === undefined ? {} : { servername }),
    })
    sending.on('response', resolve)
    sending.on('error', reject)
    sending.end(body)
  })
}

async function judge(definition: CheckDefinition, response: IncomingMessage): Promise<CheckResult> {
  const { statusCode = 0, statusMessage = '' } = response
  const body = await readSome(response, definition.outputMaxSize ?? OUTPUT_MAX_BYTES)
  const line = `HTTP ${definition.method ?? 'GET'} ${definition.http}: ${statusCode} ${statusMessage}`
  return { status: statusOf(statusCode), output: `${line} Output: ${body}` }
}

function statusOf(code: number): Status {
  if (code >= 200 && code <= 299) return 'passing'
  return code === 429 ? 'warning' : 'critical'
}

/** The beginning of the body, a little more than will be kept; the rest is not waited for. */
async function readSome(response: IncomingMessage, max: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > max) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

const title = (method: string) => method.charAt(0) + method.slice(1).toLowerCase()
