import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port, origin] = process.argv.slice(2).map(Number)
const pool = new Pool(`http://127.0.0.1:${origin}`, { connections: 128, pipelining: 1 })
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer'])

/** @param {readonly (string | Buffer)[]} raw */
function endToEnd(raw) {
  const kept = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = String(raw[i])
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, raw[i + 1].toString('latin1'))
  }
  return kept
}

class Forward {
  constructor(response) {
    this.response = response
  }
  onRequestStart(controller) {
    this.response.on('close', () => this.response.writableFinished || controller.abort(new Error('client gone')))
    this.response.on('drain', () => controller.resume())
  }
  onResponseStart(controller, status) {
    this.response.writeHead(status, endToEnd(controller.rawHeaders))
  }
  onResponseData(controller, chunk) {
    if (!this.response.write(chunk)) controller.pause()
  }
  onResponseEnd() {
    this.response.end()
  }
  onResponseError() {
    this.response.destroy()
  }
}

createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  const { method, url: path, rawHeaders } = request
  const body = method === 'GET' || method === 'HEAD' ? null : request
  pool.dispatch({ method, path, headers: endToEnd(rawHeaders), body }, new Forward(response))
}).listen(port, '127.0.0.1', 4096)
