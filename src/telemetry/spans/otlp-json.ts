/**
 * Spans as the JSON form of OTLP's ExportTraceServiceRequest: protobuf's JSON mapping, but with ids as hex digits and enums as numbers
 * (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"). 64-bit integers are texts.
 */
import type { AttributeValue, SpanKind } from '../../core/span.ts'
import type { FinishedSpan, SpanEvent } from './contract.ts'

const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3 }
const ERROR = 2
/** Of the 32 bits of `flags`: whether it is known where the parent is, and where. */
const KNOWS_PARENT = 0x100
const REMOTE_PARENT = 0x200

type Fields = Readonly<Record<string, unknown>>

export function exportRequest(
  spans: readonly FinishedSpan[],
  resource: Readonly<Record<string, AttributeValue>>,
): Fields {
  const scopeSpans = [{ scope: { name: 'skein' }, spans: spans.map(spanFields) }]
  return { resourceSpans: [{ resource: { attributes: attributeList(Object.entries(resource)) }, scopeSpans }] }
}

function spanFields(span: FinishedSpan): Fields {
  const { traceId, spanId, traceState, parentSpanId, name, attributes, events, status } = span
  return {
    traceId,
    spanId,
    ...(traceState !== undefined && { traceState }),
    ...(parentSpanId !== undefined && { parentSpanId }),
    flags: span.traceFlags | KNOWS_PARENT | (span.hasRemoteParent ? REMOTE_PARENT : 0),
    name,
    kind: KINDS[span.kind],
    startTimeUnixNano: String(span.startNs),
    endTimeUnixNano: String(span.endNs),
    attributes: attributeList(attributes),
    ...(span.droppedAttributes > 0 && { droppedAttributesCount: span.droppedAttributes }),
    ...(events.length > 0 && { events: events.map(eventFields) }),
    ...(span.droppedEvents > 0 && { droppedEventsCount: span.droppedEvents }),
    ...(status.code === 'error' && { status: { ...(status.message && { message: status.message }), code: ERROR } }),
  }
}

function eventFields({ name, timeNs, attributes }: SpanEvent): Fields {
  return {
    timeUnixNano: String(timeNs),
    name,
    ...(attributes.size > 0 && { attributes: attributeList(attributes) }),
  }
}

function attributeList(attributes: Iterable<readonly [string, AttributeValue]>): Fields[] {
  return Array.from(attributes, ([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: AttributeValue): Fields {
  if (typeof value === 'string') return { stringValue: value.isWellFormed() ? value : value.toWellFormed() }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return numberValue(value)
  return { arrayValue: { values: value.map(anyValue) } }
}

/** JSON has no NaN and no infinity; protobuf's mapping writes them as texts. */
function numberValue(value: number): Fields {
  if (Number.isSafeInteger(value)) return { intValue: String(value) }
  return { doubleValue: Number.isFinite(value) ? value : String(value) }
}
