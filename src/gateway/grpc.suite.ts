/** What the tests of gRPC share: a real server and client of grpc-js. Messages are JSON, as gRPC does not mind what they are. */

import type { TestContext } from 'node:test'
import {
  Client,
  type ClientOptions,
  credentials,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { type BenchOptions, instance, type Workbench, workbench } from './workbench.suite.ts'

export interface Message {
  readonly text: string
  readonly [key: string]: unknown
}

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: (message: Message) => Buffer.from(JSON.stringify(message)),
  requestDeserialize: (bytes: Buffer) => JSON.parse(String(bytes)) as Message,
  responseSerialize: (message: Message) => Buffer.from(JSON.stringify(message)),
  responseDeserialize: (bytes: Buffer) => JSON.parse(String(bytes)) as Message,
})

const METHODS = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  pour: method('Pour', false, true),
  talk: method('Talk', true, true),
}

const SERVICE: ServiceDefinition = METHODS

export interface Handlers {
  unary(call: ServerUnaryCall<Message, Message>, done: sendUnaryData<Message>): void
  collect(call: ServerReadableStream<Message, Message>, done: sendUnaryData<Message>): void
  pour(call: ServerWritableStream<Message, Message>): void
  talk(call: ServerDuplexStream<Message, Message>): void
}

const HANDLERS: Handlers = {
  unary: ({ request }, done) => done(null, request),
  collect(call, done) {
    const texts: string[] = []
    call.on('data', ({ text }: Message) => texts.push(text))
    call.on('end', () => done(null, { text: texts.join(' ') }))
  },
  pour(call) {
    for (let i = 0; i < Number(call.request['count']); i++) call.write({ text: `${call.request.text} ${i}` })
    call.end()
  },
  talk(call) {
    call.on('data', (message: Message) => call.write(message))
    call.on('end', () => call.end())
  },
}

export interface GrpcUpstream {
  readonly port: number
  readonly server: Server
}

export async function grpcUpstream(
  t: TestContext,
  handlers: Partial<Handlers> = {},
  options: ConstructorParameters<typeof Server>[0] = {},
): Promise<GrpcUpstream> {
  const server = new Server({ 'grpc.max_receive_message_length': -1, ...options })
  server.addService(SERVICE, { ...HANDLERS, ...handlers })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  t.after(() => server.forceShutdown())
  return { port, server }
}

export class EchoClient extends Client {
  unary(message: Message, metadata: Metadata, options: object = {}) {
    const { path, requestSerialize, responseDeserialize } = METHODS.unary
    const call = Promise.withResolvers<Message>()
    const stream = this.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      metadata,
      options,
      (error, answer) => (error === null ? call.resolve(answer!) : call.reject(error)),
    )
    return { stream, answer: call.promise }
  }

  collect(metadata: Metadata, options: object = {}) {
    const { path, requestSerialize, responseDeserialize } = METHODS.collect
    const call = Promise.withResolvers<Message>()
    const stream = this.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadata,
      options,
      (error, answer) => (error === null ? call.resolve(answer!) : call.reject(error)),
    )
    return { stream, answer: call.promise }
  }

  pour(message: Message, metadata: Metadata, options: object = {}) {
    const { path, requestSerialize, responseDeserialize } = METHODS.pour
    return this.makeServerStreamRequest(path, requestSerialize, responseDeserialize, message, metadata, options)
  }

  talk(metadata: Metadata, options: object = {}) {
    const { path, requestSerialize, responseDeserialize } = METHODS.talk
    return this.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, options)
  }
}

export function grpcClient(t: TestContext, port: number, options: ClientOptions = {}): EchoClient {
  const client = new EchoClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    ...options,
  })
  t.after(() => client.close())
  return client
}

/** A gateway before `count` servers of gRPC. */
export async function grpcBench(
  t: TestContext,
  handlers: Partial<Handlers> = {},
  { count = 1, ...options }: BenchOptions & { count?: number } = {},
): Promise<Workbench & { client: EchoClient; upstreams: GrpcUpstream[] }> {
  const upstreams: GrpcUpstream[] = []
  for (let i = 0; i < count; i++) upstreams.push(await grpcUpstream(t, handlers))
  const bench = await workbench(t, { instances: upstreams.map(({ port }) => instance(port)), ...options })
  return { ...bench, upstreams, client: grpcClient(t, bench.gateway.port) }
}
