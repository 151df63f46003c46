/**
 * Spans as the JSON form of OTLP's ExportTraceServiceRequest: protobuf's JSON mapping, but with ids as hex digits and enums as numbers
 * (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"). 64-bit integers are texts. Written as text at once: a tree of
 * objects for JSON.stringify costs twice the time, and this is most of what a span costs.
 */
import { inspect } from 'node:util'
import { rememberedByName } from '../../core/headers.ts'
import type { AttributeValue, SpanKind } from '../../core/span.ts'
import type { FinishedSpan, SpanEvent } from './contract.ts'

const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3 }
const ERROR = 2
/** Of the 32 bits of `flags`: whether it is known where the parent is, and where. */
const KNOWS_PARENT = 0x100
const REMOTE_PARENT = 0x200

export function exportRequest(
  spans: readonly FinishedSpan[],
  resource: Readonly<Record<string, AttributeValue>>,
): string {
  const scopeSpans = `[{"scope":{"name":"skein"},"spans":[${spans.map(spanText).join(',')}]}]`
  const attributes = attributesText(Object.entries(resource))
  return `{"resourceSpans":[{"resource":{"attributes":${attributes}},"scopeSpans":${scopeSpans}}]}`
}

function spanText(span: FinishedSpan): string {
  const { traceState, parentSpanId, events, status } = span
  const flags = span.traceFlags | KNOWS_PARENT | (span.hasRemoteParent ? REMOTE_PARENT : 0)
  let text = `{"traceId":"${span.traceId}","spanId":"${span.spanId}","flags":${flags}`
  if (parentSpanId !== undefined) text += `,"parentSpanId":"${parentSpanId}"`
  if (traceState !== undefined) text += `,"traceState":${quoted(traceState)}`
  text += `,"name":${quoted(span.name)},"kind":${KINDS[span.kind]}`
  text += `,"startTimeUnixNano":"${span.startNs}","endTimeUnixNano":"${span.endNs}"`
  text += `,"attributes":${attributesText(span.attributes)}`
  if (span.droppedAttributes > 0) text += `,"droppedAttributesCount":${span.droppedAttributes}`
  if (events.length > 0) text += `,"events":[${events.map(eventText).join(',')}]`
  if (span.droppedEvents > 0) text += `,"droppedEventsCount":${span.droppedEvents}`
  if (status.code === 'error') text += `,"status":{"code":${ERROR}${messageText(status.message)}}`
  return `${text}}`
}

function messageText(message: string | undefined): string {
  return message === undefined ? '' : `,"message":${quoted(message)}`
}

function eventText({ name, timeNs, attributes }: SpanEvent): string {
  const facts = attributes.size === 0 ? '' : `,"attributes":${attributesText(attributes)}`
  return `{"timeUnixNano":"${timeNs}","name":${quoted(name)}${facts}}`
}

function attributesText(attributes: Iterable<readonly [string, AttributeValue]>): string {
  let text = ''
  for (const [key, value] of attributes) text += `${text === '' ? '' : ','}${keyText(key)}${valueText(value)}}`
  return `[${text}]`
}

/** Keys are few, and the same for all spans. */
const keyText = rememberedByName((key) => `{"key":${quoted(key)},"value":`)

function valueText(value: AttributeValue): string {
  return Array.isArray(value) ? `{"arrayValue":{"values":[${Array.from(value, oneText).join(',')}]}}` : oneText(value)
}

function oneText(value: unknown): string {
  if (typeof value === 'boolean') return `{"boolValue":${value}}`
  return typeof value === 'number' ? numberText(value) : `{"stringValue":${quoted(value)}}`
}

/** JSON has no NaN and no infinity; protobuf's mapping writes them as texts. */
function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return `{"intValue":"${value}"}`
  return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`
}

/** ASCII without control characters, quotation mark and backslash: nearly all, and quoted as it stands. */
const PLAIN = /^[ !#-[\]-~]*$/

/** Half a surrogate pair is no text in UTF-8. */
function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : shown(value)
  if (PLAIN.test(text)) return `"${text}"`
  return JSON.stringify(text.isWellFormed() ? text : text.toWellFormed())
}

/** What the types do not allow, from code without types: no attribute may cost a batch, whatever it is made of. */
function shown(value: unknown): string {
  return typeof value === 'object' ? inspect(value) : String(value)
}
