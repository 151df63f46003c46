/** The standard health service of gRPC (grpc.health.v1.Health/Check) over node:http2: passing when it says SERVING. */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import type { Probe } from './contract.ts'
import { decodeStatus, encodeRequest } from './grpc-message.ts'
import { withSession } from './http2-session.ts'
import { networkError } from './output.ts'

const PATH = '/grpc.health.v1.Health/Check'
/** An answer has seven bytes. */
const ANSWER_MAX_BYTES = 1024

export const probeGrpc: Probe = async (definition, signal) => {
  const { grpc: target = '', grpcUseTls: tls = false } = definition
  const { address, service } = splitTarget(target)
  try {
    const status = await withSession({ address, tls }, definition, signal, (session) => check(session, service))
    if (status === 'SERVING') return { status: 'passing', output: `gRPC check ${target}: success` }
    return { status: 'critical', output: `gRPC application didn't report service healthy: ${status}` }
  } catch (error) {
    const output = error instanceof GrpcError ? error.message : networkError(error, address)
    return { status: 'critical', output: `gRPC check ${target}: ${output}` }
  }
}

/** `host:port`, or `host:port/service`; without a service the server as a whole is asked for. */
export function splitTarget(target: string): { address: string; service: string } {
  const slash = target.indexOf('/')
  if (slash < 0) return { address: target, service: '' }
  return { address: target.slice(0, slash), service: target.slice(slash + 1) }
}

/** The server was reached and refused. */
class GrpcError extends Error {}

async function check(session: ClientHttp2Session, service: string): Promise<string> {
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'Consul Health Check',
  })
  stream.end(encodeRequest(service))
  const { headers, trailers, body } = await readAnswer(stream)
  refuseFailure(headers, { ...headers, ...trailers })
  return decodeStatus(body)
}

interface GrpcAnswer {
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders
  readonly body: Buffer
}

function readAnswer(stream: ClientHttp2Stream): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    let body: Buffer = Buffer.alloc(0)
    stream.on('response', (received) => (headers = received))
    stream.on('trailers', (received) => (trailers = received))
    stream.on('data', (chunk: Buffer) => {
      body = Buffer.concat([body, chunk])
      if (body.length > ANSWER_MAX_BYTES) stream.destroy(new GrpcError('the answer is too long for a health check'))
    })
    stream.on('error', reject)
    stream.on('close', () => resolve({ headers, trailers, body }))
  })
}

/** An answer without a body has its gRPC status in the headers. */
function refuseFailure(headers: IncomingHttpHeaders, all: IncomingHttpHeaders): void {
  const status = headers[':status']
  if (Number(status) !== 200) throw new GrpcError(`HTTP status ${status ?? 'missing'}: this is no gRPC server`)
  const code = all['grpc-status']
  if (code === undefined) throw new GrpcError('the answer has no grpc-status: this is no gRPC server')
  if (code !== '0') throw new GrpcError(`rpc error: code = ${code} desc = ${all['grpc-message'] ?? ''}`)
}
