/**
 * `node --import skein/register app.js`: an app that nobody changes joins. Its `fetch('http://users/…')` goes through Skein's
 * balancer, and its first HTTP server is registered with what it really listens on, traced, measured, logged, limited, and taken
 * out of the registry before the app gets to know that it shall end. Whatever fails here is one line in the log: the app goes on.
 */
import { isMainThread } from 'node:worker_threads'
import type { Caller } from '../client/contract.ts'
import { closeDefaults, defaultCaller } from '../client/default.ts'
import { interceptFetch } from '../client/fetch.ts'
import { createLogger } from '../core/log.ts'
import { openTracingOrNone } from '../telemetry/spans/tracing.ts'
import { type Joined, join } from './register/join.ts'
import { onFirstListen } from './register/listen.ts'
import { serviceName } from './register/name.ts'
import { beforeTheEnd } from './register/signals.ts'

function start(): void {
  interceptFetch(onFirstUse)
  const name = serviceName(process.env, process.argv[1])
  const log = createLogger(name === undefined ? {} : { service: name })
  const tracing = openTracingOrNone(process.env, { service: name, log })
  if (name === undefined) {
    log.warn('not registered: no name. Set SKEIN_SERVICE, or give package.json a "name" of a-z, 0-9 and -')
    return
  }
  let joined: Joined | undefined
  onFirstListen((server, address) => {
    joined = join(name, server, address, log, tracing)
  })
  beforeTheEnd({ leave: async () => joined?.leave(), finish: async () => joined?.finish() })
}

/** The process's caller, made by the first call: most processes under this hook are tools that call nothing. */
const onFirstUse: Caller = {
  request: (request) => defaultCaller().request(request),
  lease: (request, tried) => defaultCaller().lease(request, tried),
  known: (service) => defaultCaller().known(service),
  inspect: (service, policy) => defaultCaller().inspect(service, policy),
  guards: (service, policy) => defaultCaller().guards(service, policy),
  close: () => closeDefaults(),
}

if (isMainThread) start()
