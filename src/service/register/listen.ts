/** Notices the first HTTP server of the process that listens on a port. */
import http, { type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Calls `run` once. It stands at `listen` and not at `createServer`, because Express, Fastify and others make servers in
 * ways of their own, and all of them have to listen. The prototype is put back as soon as one does.
 */
export function onFirstListen(run: (server: Server, address: AddressInfo) => void): void {
  const prototype = http.Server.prototype
  const listen = prototype.listen
  let found = false
  function watched(this: Server, ...args: unknown[]): Server {
    this.once('listening', () => {
      const address = this.address()
      // A pipe or unix socket has no port: not this one.
      if (found || address === null || typeof address === 'string') return
      found = true
      // Own property on http's prototype; taking it off uncovers net's again.
      delete (prototype as Partial<Server>).listen
      run(this, address)
    })
    return Reflect.apply(listen, this, args) as Server
  }
  prototype.listen = watched
}
