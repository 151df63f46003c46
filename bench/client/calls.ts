/** The ways to call, each as somebody writes it who knows the library. */
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { request, Agent as UndiciAgent } from 'undici'
import { client, createCaller, defaultCaller, defaultConsul, interceptFetch } from '../../src/client/index.ts'
import type { ServiceType } from '../../src/core/contract.ts'
import { ConsulClient } from '../../src/discovery/consul-client.ts'
import { consulSource } from '../../src/discovery/source/consul.ts'
import type { MakeCall } from './contract.ts'

type Users = ServiceType<string, { get: { '~in': { id: string }; '~out': unknown; '~errors': Record<string, number> } }>

export const CALLS: Readonly<Record<string, { readonly what: string; readonly make: MakeCall }>> = {
  skein: { what: "Skein's typed client, all defaults on", make: typed },
  'skein-request': { what: "Skein's caller: request() and JSON.parse", make: callerRequest },
  'skein-fetch': { what: 'fetch, taken over by Skein', make: takenOverFetch },
  'undici-request': { what: 'undici: request() and body.json()', make: undiciRequest },
  fetch: { what: "Node's own fetch and json()", make: plainFetch },
  'node-http': { what: 'node:http with a keep-alive agent and JSON.parse', make: nodeHttp },
  raw: { what: 'bare sockets that know the answer: the floor', make: rawSockets },
}

async function typed({ service }: { service: string }) {
  const users = client<Users>(service)
  return () => users.get({ id: '7' })
}

async function callerRequest({ service, registry }: { service: string; registry: string }) {
  const source = consulSource({ client: new ConsulClient({ address: registry }) })
  const caller = createCaller({ source })
  return async () => {
    const answer = await caller.request({ service, method: 'GET', path: '/user/7', headers: [] })
    let text = ''
    for await (const chunk of answer.body) text += chunk
    return JSON.parse(text)
  }
}

async function takenOverFetch({ service }: { service: string }) {
  defaultConsul()
  interceptFetch(defaultCaller())
  return async () => (await fetch(`http://${service}/user/7`)).json()
}

async function undiciRequest({ port, inFlight }: { port: number; inFlight: number }) {
  const dispatcher = new UndiciAgent({ connections: inFlight, pipelining: 1 })
  return async () => (await request(`http://127.0.0.1:${port}/user/7`, { dispatcher })).body.json()
}

async function plainFetch({ port }: { port: number }) {
  return async () => (await fetch(`http://127.0.0.1:${port}/user/7`)).json()
}

async function nodeHttp({ port, inFlight }: { port: number; inFlight: number }) {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
  return () =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: '/user/7', agent }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk) => (text += chunk))
        answer.on('end', () => resolve(JSON.parse(text)))
      }).on('error', reject)
    })
}

/** One write and one read a call; an answer comes in one piece here. */
async function rawSockets({ port, inFlight }: { port: number; inFlight: number }) {
  const idle: Socket[] = []
  const waiting = new Map<Socket, (body: unknown) => void>()
  for (let i = 0; i < inFlight; i++) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1')
      idle.push(socket)
      waiting.get(socket)?.(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)))
    })
    idle.push(socket)
  }
  const head = 'GET /user/7 HTTP/1.1\r\nHost: localhost\r\n\r\n'
  return () =>
    new Promise((resolve) => {
      const socket = idle.pop()!
      waiting.set(socket, resolve)
      socket.write(head, 'latin1')
    })
}
