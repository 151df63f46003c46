import { Agent, createServer } from 'node:http'
import { createProxyServer } from 'http-proxy-3'

const [port, origin] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true, maxSockets: 128 })
const proxy = createProxyServer({ target: `http://127.0.0.1:${origin}`, agent })
proxy.on('error', (error, _request, response) => {
  console.error(error)
  response.destroy?.()
})
createServer({ keepAliveTimeout: 600_000 }, (request, response) => proxy.web(request, response)).listen(
  port,
  '127.0.0.1',
  4096,
)
