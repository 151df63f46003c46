import proxy from '@fastify/http-proxy'
import fastify from 'fastify'

const [port, origin] = process.argv.slice(2).map(Number)
const app = fastify({ logger: false, keepAliveTimeout: 600_000, bodyLimit: 100_000_000 })
app.register(proxy, { upstream: `http://127.0.0.1:${origin}`, undici: { connections: 128, pipelining: 1 } })
await app.listen({ port, host: '127.0.0.1', backlog: 4096 })
