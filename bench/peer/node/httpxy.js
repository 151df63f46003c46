import { Agent, createServer } from 'node:http'
import { createProxyServer } from 'httpxy'

const [port, origin] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true, maxSockets: 128 })
const proxy = createProxyServer({ target: `http://127.0.0.1:${origin}`, agent })
createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  proxy.web(request, response).catch((error) => {
    console.error(error)
    response.destroy()
  })
}).listen(port, '127.0.0.1', 4096)
