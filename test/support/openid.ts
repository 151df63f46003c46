/** A real OpenID provider as a process of its own, and a browser by script that signs in at it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { ServerProcess } from './child.ts'

export interface OpenIdOptions {
  readonly port: number
  readonly clientId: string
  readonly clientSecret?: string
  readonly redirectUris: readonly string[]
  readonly afterLogout: readonly string[]
  readonly accessTokenSeconds: number
}

const SCRIPT = fileURLToPath(new URL('./openid-provider.ts', import.meta.url))

export class OpenIdProcess extends ServerProcess {
  readonly issuer: string
  readonly #options: OpenIdOptions

  constructor(options: OpenIdOptions) {
    super()
    this.#options = options
    this.issuer = `http://127.0.0.1:${options.port}`
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', SCRIPT, JSON.stringify(this.#options)],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    await this.begin(child, 'listening')
  }
}

export interface Seen {
  readonly url: string
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** Keeps cookies, each for the host and port that set it, and follows redirects: as much of a browser as a login needs. */
export class Browser {
  /** By host, then by name. */
  readonly jar = new Map<string, Map<string, string>>()
  /** What was asked for, in order. */
  readonly trail: string[] = []

  cookies(url: string): Map<string, string> {
    const { host } = new URL(url)
    const known = this.jar.get(host) ?? new Map<string, string>()
    this.jar.set(host, known)
    return known
  }

  /** One request, no redirect followed; as for a page unless `headers` say otherwise. */
  async ask(url: string, { method = 'GET', headers = {}, form }: Asking = {}): Promise<Seen> {
    this.trail.push(url)
    const cookies = this.cookies(url)
    const line = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const body = form === undefined ? undefined : new URLSearchParams(form).toString()
    const asking = request(url, {
      method,
      agent: false,
      headers: {
        'sec-fetch-mode': 'navigate',
        accept: 'text/html',
        ...(line === '' ? {} : { cookie: line }),
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
    })
    asking.end(body)
    const [answer] = (await once(asking, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of answer) text += String(chunk)
    for (const set of answer.headers['set-cookie'] ?? []) keep(set, cookies)
    return { url, status: answer.statusCode!, headers: answer.headers, text }
  }

  /** The same, and on to wherever it leads; `until` stops before a URL for which it holds. */
  async go(url: string, asking: Asking = {}, until: (url: string) => boolean = () => false): Promise<Seen> {
    let seen = await this.ask(url, asking)
    for (let i = 0; i < 20 && seen.status >= 300 && seen.status < 400; i++) {
      const next = new URL(seen.headers.location!, seen.url).href
      if (until(next)) return seen
      seen = await this.ask(next)
    }
    return seen
  }

  /** Goes to `url`, signs in where it is asked to, and sees what comes then. */
  async signIn(url: string, name: string, until?: (url: string) => boolean): Promise<Seen> {
    let seen = await this.go(url, {}, until)
    for (let i = 0; i < 4 && seen.text.includes('name="prompt"'); i++) {
      const action = new URL(/action="([^"]+)"/.exec(seen.text)![1]!, seen.url).href
      const prompt = /name="prompt" value="(\w+)"/.exec(seen.text)![1]!
      const form = prompt === 'login' ? { prompt, login: name, password: 'any' } : { prompt }
      seen = await this.go(action, { method: 'POST', form }, until)
    }
    return seen
  }
}

export interface Asking {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
}

function keep(set: string, cookies: Map<string, string>): void {
  const [pair, ...attributes] = set.split(';')
  const equals = pair!.indexOf('=')
  const [name, value] = [pair!.slice(0, equals).trim(), pair!.slice(equals + 1).trim()]
  const isGone = attributes.some((one) => /^\s*(max-age=0|expires=Thu, 01 Jan 1970.*)\s*$/i.test(one))
  if (isGone) cookies.delete(name)
  else cookies.set(name, value)
}
