/** An instance of gRPC as a process of its own: prints its port, answers each message with itself, drains on SIGTERM. */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'

const same = (bytes: Buffer) => bytes
const unary = {
  path: '/test.Echo/Unary',
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
}

const server = new Server()
server.addService({ unary } as never, {
  unary: ({ request }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, request),
})
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  console.log(port)
})
process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)))
