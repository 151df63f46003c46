/** What the gateway's admin port answers on /explain, and the same from a config alone. */
import { parseBalance } from '../../balance/policies.ts'
import type { CandidateState, GuardState } from '../../client/contract.ts'
import type { GatewayConfig, RouteConfig } from '../../gateway/contract.ts'
import { explain } from '../../gateway/explain.ts'
import { parseRoute, RouteTable } from '../../gateway/routes.ts'
import { ruleNames } from '../../gateway/rules.ts'
import { normaliseHost, parseTarget } from '../../gateway/target.ts'
import { Failure } from '../command.ts'

export interface Question {
  readonly method: string
  /** With query. */
  readonly path: string
  readonly host: string | undefined
  /** `name: value`. */
  readonly headers: readonly string[]
}

export interface Answer {
  readonly request: { readonly method: string; readonly host: string; readonly path: string; readonly query: string }
  /** null = 404. */
  readonly route: (RouteConfig & { readonly name: string }) | null
  readonly why: string
  /** Names of the rules that hold for the route. */
  readonly rules?: readonly string[]
  readonly policy?: ReturnType<typeof parseBalance>
  /** Absent where no gateway runs that could tell. */
  readonly candidates?: readonly CandidateState[]
  /** One for each service. Absent as they are. */
  readonly guards?: readonly GuardState[]
  /** Why nothing is known of them. */
  readonly unknown?: string
  readonly others: readonly { readonly route: string; readonly matches: boolean; readonly why: string }[]
}

/** Asks a running gateway. @throws Failure when it does not answer, or would refuse such a request. */
export async function askGateway(admin: string, { method, path, host, headers }: Question): Promise<Answer> {
  const query = new URLSearchParams({ method, path, ...(host === undefined ? {} : { host }) })
  for (const header of headers) query.append('header', header)
  const answer = await fetch(`${admin}/explain?${query}`).catch((error: Error) => {
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    throw new Failure(`the gateway's admin port ${admin} does not answer: ${reason}`, 'skein ps shows whether it runs.')
  })
  const body = (await answer.json()) as Answer & { error?: { message: string; hint: string } }
  if (body.error !== undefined) throw new Failure(body.error.message, body.error.hint)
  return body
}

/** The route and the reason from a config alone: no instance is known. @throws Failure for a request that is refused. */
export function explainConfig({ routes, defaults }: GatewayConfig, question: Question): Answer {
  const host = question.host ?? 'localhost'
  const target = parseTarget(question.path, host)
  if ('reason' in target) throw new Failure(`such a request is refused: ${target.message}`)
  const request = {
    ...target,
    method: question.method,
    host: normaliseHost(host),
    headers: question.headers.flatMap(pair),
  }
  const { route, why, others } = explain(new RouteTable(routes.map(parseRoute)).routes, request)
  const { headers: _, ...shown } = request
  return {
    request: shown,
    route: route === undefined ? null : { ...route.config, name: route.name },
    why,
    ...(route === undefined
      ? {}
      : { rules: ruleNames(route.config, defaults), policy: parseBalance(route.config.balance) }),
    others: others.map((other) => ({ ...other, route: other.route.name })),
  }
}

function pair(header: string): [string, string] {
  const colon = header.indexOf(':')
  return colon < 0 ? [header, ''] : [header.slice(0, colon).trim(), header.slice(colon + 1).trim()]
}
