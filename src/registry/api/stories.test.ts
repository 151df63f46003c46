/**
 * Golden stories: each file in test/consul is a conversation with a fresh registry, read from top to bottom. `>` asks
 * (method, path, headers as {name: value}, body), `<` is the whole answer. What a real Consul answered to the same
 * requests is where they come from; where Skein differs on purpose the prose above says so. IDs that the registry made up
 * are written ‹id-1›, ‹id-2› … in the order in which they were handed out.
 * SKEIN_REWRITE=1 writes the answers anew: commit the difference only when you understand it.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type RunningRegistry, startRegistry } from '../index.ts'

const FOLDER = new URL('../../../test/consul/', import.meta.url)

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
  test(`story ${file}`, async () => {
    const registry = await startRegistry({ port: 0, nodeName: 'node1', random: () => 0.999 })
    try {
      const told = readFileSync(new URL(file, FOLDER), 'utf8')
      const happened = await tell(told, registry)
      if (process.env['SKEIN_REWRITE'] !== undefined) writeFileSync(new URL(file, FOLDER), happened)
      else assert.equal(happened, told)
    } finally {
      await registry.close()
    }
  })
}

/** The story with the answers that were given. */
async function tell(story: string, registry: RunningRegistry): Promise<string> {
  const teller = new Teller(registry)
  const lines: string[] = []
  for (const line of story.split('\n')) {
    if (line.startsWith('< ')) continue
    lines.push(line)
    if (line.startsWith('> ')) lines.push(await teller.ask(line.slice(2)))
  }
  return lines.join('\n')
}

const REQUEST = /^(\S+) (\S+)(?: (\{[\w-]+: [^}]*\}))?(?: (.*))?$/s

class Teller {
  readonly #registry: RunningRegistry
  readonly #ids: string[] = []
  #index = '0'

  constructor(registry: RunningRegistry) {
    this.#registry = registry
  }

  async ask(line: string): Promise<string> {
    const meant = line.replaceAll('‹index›', this.#index).replaceAll(/‹id-(\d+)›/g, (_, n) => this.#ids[Number(n) - 1]!)
    const [, method, path, header, body] = REQUEST.exec(meant)!
    const response = await fetch(this.#registry.url + path!, {
      method: method!,
      redirect: 'manual',
      headers: header === undefined ? {} : [header.slice(1, -1).split(': ') as [string, string]],
      ...(body === undefined || method === 'GET' ? {} : { body: repeat(body) }),
    })
    this.#index = response.headers.get('x-consul-index') ?? this.#index
    return `< ${response.status} [${headersOf(response)}] ${shorten(this.#name(await response.text()))}`.trimEnd()
  }

  /** The text with names in place of IDs; an answer that begins with one hands it out. */
  #name(text: string): string {
    const fresh = /^\{"ID":"([0-9a-f-]{36})"/.exec(text)?.[1]
    if (fresh !== undefined) this.#ids.push(fresh)
    return this.#ids.reduce((named, id, i) => named.replaceAll(id, `‹id-${i + 1}›`), text)
  }
}

/** `x*513` = 513 times x, for values at a limit. */
const repeat = (body: string) =>
  body.replace(/(\w)\*(\d+)/g, (_all, letter: string, times) => letter.repeat(Number(times)))

const SHOWN = ['content-type', 'allow', 'location', 'x-consul-reason', 'x-cache', 'x-consul-effective-consistency']
const SHORT: Readonly<Record<string, string>> = {
  'application/json': 'json',
  'text/plain; charset=utf-8': 'text',
}

function headersOf({ headers }: Response): string {
  const index = headers.get('x-consul-index')?.replace(/^\d{9,}$/, '‹hash›') ?? null
  const shown = SHOWN.flatMap((name) => headers.get(name) ?? []).map((value) => SHORT[value] ?? value)
  return [...shown, ...(index === null ? [] : [`index ${index}`])].join('; ')
}

const NODE = /"ID":"[0-9a-f-]{36}","Node":"node1","Address":"127.0.0.1","Datacenter":"dc1","TaggedAddresses":\{[^}]*\}/g
const SERF = /\{"Node":"node1","CheckID":"serfHealth",[^}]*\{\},"CreateIndex":1,"ModifyIndex":1\}/g

/** Long repeated parts by name, random ones away, one line. */
function shorten(body: string): string {
  return body
    .replaceAll(NODE, '‹node1›')
    .replaceAll(SERF, '‹serf›')
    .replaceAll(/"ContentHash":"[0-9a-f]{16}"/g, '"ContentHash":‹hash›')
    .replaceAll(/"ID":"[0-9a-f-]{36}",("Node|"Name)":"node1"/g, '"ID":‹node1-id›,$1":"node1"')
    .replaceAll(/"StableSince":"[^"]*"/g, '"StableSince":‹time›')
    .replaceAll(/(\w)\1{99,}/g, (all, letter: string) => `${letter}*${all.length}`)
    .replaceAll('\n', '\\n')
}
