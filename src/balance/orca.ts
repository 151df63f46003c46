/**
 * Reads the load that an instance reports with its answers, in the header of xDS's ORCA: `endpoint-load-metrics: TEXT
 * application_utilization=0.7,cpu_utilization=0.5`, or `JSON {"cpu_utilization": 0.5}`. Its binary form is not read.
 */

export const LOAD_REPORT_HEADER = 'endpoint-load-metrics'

/** The application's own figure if there is one above 0, else that of the CPU (gRFC A58); undefined = it says neither. */
export function reportedUtilisation(text: string): number | undefined {
  const space = text.indexOf(' ')
  const [form, rest] = [text.slice(0, space), text.slice(space + 1)]
  const read = form === 'JSON' ? fromJson(rest) : form === 'TEXT' ? fromText(rest) : undefined
  if (read === undefined) return undefined
  const [application, cpu] = [read('application_utilization'), read('cpu_utilization')]
  return application !== undefined && application > 0 ? application : cpu
}

type Reader = (name: string) => number | undefined

function fromText(text: string): Reader {
  const pairs = new Map(text.split(',').map((pair) => splitPair(pair)))
  return (name) => numberOf(pairs.get(name))
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=')
  return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()]
}

function fromJson(text: string): Reader | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // what is no report says nothing
  }
  if (typeof value !== 'object' || value === null) return undefined
  const report = value as Readonly<Record<string, unknown>>
  return (name) => numberOf(Object.hasOwn(report, name) ? report[name] : undefined)
}

function numberOf(value: unknown): number | undefined {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : Number.NaN
  return number >= 0 && number < Number.POSITIVE_INFINITY ? number : undefined
}
