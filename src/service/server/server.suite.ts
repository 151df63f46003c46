/** Services over real HTTP: the same on every server. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as z from 'zod'
import { VirtualClock } from '../../core/clock.ts'
import { currentContext } from '../../core/context.ts'
import { SkeinError } from '../../core/errors.ts'
import { below, seeded } from '../../core/random.ts'
import { op, service } from '../define.ts'
import { logged, raw, start as startOn } from '../harness.suite.ts'
import type { Servable, ServerName } from '../servable.ts'
import type { ServeOptions } from '../serve.ts'

type Body = Record<string, Record<string, unknown>>

/** A hand-made schema, as the specification asks for and no more: no JSON Schema. */
const Upper: StandardSchemaV1<{ word: string }, { word: string }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { word } = (value ?? {}) as { word?: unknown }
      if (typeof word !== 'string') return { issues: [{ message: 'a word, please', path: [{ key: 'word' }] }] }
      return { value: { word: word.toUpperCase() } }
    },
  },
}

const Filter = z.object({
  id: z.int(),
  deep: z.boolean().optional(),
  tags: z.array(z.string()),
  sizes: z.array(z.number()).optional(),
  where: z.object({ a: z.number() }).optional(),
  mode: z.union([z.literal(1), z.boolean()]).optional(),
  limit: z.coerce.number().default(5),
  when: z.coerce.date().optional(),
})

const things = service('things', {
  find: op({ route: 'GET /thing/:id', in: Filter }, (input) => input),
  put: op(
    { route: 'PUT /thing/:id', in: z.object({ id: z.string(), address: z.object({ zip: z.string() }) }) },
    (i) => i,
  ),
  say: op({ in: Upper }, ({ word }) => ({ word })),
  list: op({ in: z.array(z.number()) }, (numbers) => numbers.length),
  ping: op({ route: 'GET /ping' }, () => 'pong'),
  quiet: op({}, () => {}),
  fails: op({ errors: { Taken: 409 } }, (_, { fail }) => fail('Taken', 'try another', { name: 'x' })),
  failsInOtherOrder: op({ errors: { Taken: 409 } }, (_, ctx) => ctx.fail('Taken', { name: 'x' })),
  undeclared: op({ errors: { Taken: 409 } }, (_, ctx) => ctx.fail('Nope' as 'Taken')),
  throws: op({}, () => {
    throw new Error('secret reason')
  }),
  wrong: op({ out: z.object({ id: z.string() }) }, () => ({ id: 1 }) as never),
  strips: op({ out: z.object({ id: z.string() }) }, () => ({ id: '1', password: 'x' }) as { id: string }),
  big: op({}, () => 1n),
  small: op({ in: z.object({ x: z.string() }), maxBodyBytes: 20 }, ({ x }) => x),
  stream: op(
    { route: 'GET /stream' },
    () => new Response(new Blob(['a', 'b']).stream(), { status: 201, headers: { 'x-a': '1' } }),
  ),
  sized: op(
    { route: 'GET /sized' },
    () => new Response(new Blob(['a', 'b']).stream(), { headers: { 'content-length': '2' } }),
  ),
  badHeader: op({ route: 'GET /bad-header' }, () => new Response('x', { headers: { 'x-a': '\x01' } })),
  endless: op({ route: 'GET /endless' }, (_, { log }) => {
    const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(Buffer.alloc(1000))
    return new Response(new ReadableStream({ pull, cancel: () => log.info('nobody takes the stream any more') }))
  }),
  large: op({ route: 'GET /large' }, () => {
    let left = 80
    const pull = (controller: ReadableStreamDefaultController) =>
      left-- > 0 ? controller.enqueue(Buffer.alloc(100_000)) : controller.close()
    return new Response(new ReadableStream({ pull }))
  }),
  breaks: op({ route: 'GET /breaks' }, () => {
    const parts = ['part', undefined]
    return new Response(
      new ReadableStream({
        pull: (controller) => {
          const part = parts.shift()
          if (part === undefined) controller.error(new Error('disk gone'))
          else controller.enqueue(Buffer.from(part))
        },
      }),
    )
  }),
  context: op({ route: 'GET /context' }, (_, ctx) => {
    const { traceId, requestId } = currentContext()!
    ctx.log.info('from the handler')
    return { traceId, requestId, left: ctx.deadline, same: traceId === ctx.traceId, agent: ctx.headers.get('X-Agent') }
  }),
  until: op({ route: 'GET /until', timeoutMs: 60_000 }, async (_, { signal }) => {
    await once(signal, 'abort')
    throw new Error('thrown after the answer')
  }),
  ownTimeout: op({ route: 'GET /own-timeout', timeoutMs: 20 }, (_, { signal }) => once(signal, 'abort')),
  upstreamGone: op({ route: 'GET /upstream-gone' }, () => {
    throw new SkeinError('NO_INSTANCES', 'no instance of users', { service: 'users', attempts: [] })
  }),
  upstreamDrains: op({ route: 'GET /upstream-drains' }, () => {
    throw new SkeinError('SHUTTING_DOWN', 'users-1 is shutting down', { service: 'users' })
  }),
  upstreamRefuses: op({ route: 'GET /upstream-refuses' }, () => {
    throw new SkeinError('INVALID_INPUT', 'input of get', { issues: [] })
  }),
})

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

/** Resolves when more can be written, or never again. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', resolve).once('close', () => resolve()))
}

async function inFlight({ metrics }: { metrics: { toText(): string } }): Promise<void> {
  while (!/skein_server_in_flight_requests\{[^}]*\} 1/.test(metrics.toText())) await new Promise(setImmediate)
}

export function serverSuite(server: ServerName): void {
  const start = (servable: Servable, options: ServeOptions = {}) => startOn(servable, { server, ...options })

  describe('input', () => {
    test('path and query become what the JSON Schema declares', async () => {
      await using it = await start(things)
      const query = 'deep=true&tags=a&tags=1&sizes=1&where=%7B%22a%22%3A1%7D&mode=1&limit=9&when=2020-01-01'
      const { body, status } = await it.ask(`GET /thing/7?${query}`)
      assert.equal(status, 200, JSON.stringify(body))
      const when = '2020-01-01T00:00:00.000Z'
      assert.deepEqual(body, {
        id: 7,
        deep: true,
        tags: ['a', '1'],
        sizes: [1],
        where: { a: 1 },
        mode: 1,
        limit: 9,
        when,
      })
    })

    test('a required array that is not in the query is empty', async () => {
      await using it = await start(things)
      assert.deepEqual((await it.ask('GET /thing/7')).body, { id: 7, tags: [], limit: 5 })
    })

    test('texts that do not fit are told by path, all of them', async () => {
      await using it = await start(things)
      const { status, body } = await it.ask('GET /thing/x?deep=perhaps&where=%7B%22a%22%3A%22b%22%7D')
      assert.equal(status, 400)
      const issues = (body as Body)['error']!['issues'] as { path: string; message: string }[]
      assert.deepEqual(issues.map(({ path }) => path).sort(), ['deep', 'id', 'where.a'])
      assert.ok(issues.every(({ message }) => message.length > 0))
    })

    test('path and body are joined; nested issues have dotted paths', async () => {
      await using it = await start(things)
      const right = await it.ask('PUT /thing/a%2Fb', { json: { address: { zip: '1' } } })
      assert.deepEqual(right.body, { id: 'a/b', address: { zip: '1' } })
      const wrong = await it.ask('PUT /thing/1', { json: { address: { zip: 1 } } })
      assert.equal(wrong.code, 'INVALID_INPUT')
      assert.equal(((wrong.body as Body)['error']!['issues'] as { path: string }[])[0]!.path, 'address.zip')
    })

    test('a field in two places is refused, whichever they are', async () => {
      await using it = await start(things)
      const targets = [
        it.ask('PUT /thing/1?id=2', { json: { address: { zip: '1' } } }),
        it.ask('PUT /thing/1', { json: { id: '1', address: { zip: '1' } } }),
        it.ask('PUT /thing/1?address=x', { json: { address: { zip: '1' } } }),
      ]
      for (const { code, status } of await Promise.all(targets))
        assert.deepEqual([status, code], [400, 'INVALID_INPUT'])
    })

    test('any Standard Schema works, without JSON Schema too', async () => {
      await using it = await start(things)
      assert.deepEqual((await it.ask('POST /say', { json: { word: 'hi' } })).body, { word: 'HI' })
      const { body } = await it.ask('POST /say', { json: {} })
      assert.deepEqual((body as Body)['error']!['issues'], [{ path: 'word', message: 'a word, please' }])
    })

    test('a body that is no object is the input itself when nothing has to be joined to it', async () => {
      await using it = await start(things)
      assert.equal((await it.ask('POST /list', { json: [1, 2] })).body, 2)
      assert.equal((await it.ask('PUT /thing/1', { json: [1] })).code, 'BAD_REQUEST')
    })

    const hostile: [string, string, string][] = [
      ['no JSON', '{"word":', 'BAD_REQUEST'],
      ['__proto__', '{"word":"a","__proto__":{"x":1}}', 'BAD_REQUEST'],
      ['__proto__ in escapes', '{"word":"a","a":[{"__pr\\u006fto__":1}]}', 'BAD_REQUEST'],
      ['constructor', '{"word":"a","constructor":{"prototype":{}}}', 'BAD_REQUEST'],
      ['65 levels', `{"word":${'['.repeat(64)}${']'.repeat(64)}}`, 'BAD_REQUEST'],
      ['half a million levels', '['.repeat(500_000), 'BAD_REQUEST'],
      ['64 levels', `{"word":${'['.repeat(63)}${']'.repeat(63)}}`, 'INVALID_INPUT'],
      ['brackets in a string', JSON.stringify({ word: '['.repeat(100) }), ''],
      ['the word __proto__ as a value', JSON.stringify({ word: '__proto__' }), ''],
    ]
    test('hostile JSON is refused, harmless JSON is not', async () => {
      await using it = await start(things)
      const headers = { 'content-type': 'application/json' }
      for (const [name, body, code] of hostile) {
        assert.equal((await it.ask('POST /say', { body, headers })).code ?? '', code, name)
      }
      assert.equal((await it.ask('GET /thing/1?__proto__=1')).code, 'BAD_REQUEST')
    })

    test('only application/json, uncompressed UTF-8', async () => {
      await using it = await start(things)
      const types: [Record<string, string>, number][] = [
        [{ 'content-type': 'application/json' }, 200],
        [{ 'content-type': 'Application/JSON; charset="UTF-8"' }, 200],
        [{ 'content-type': 'application/json ; charset=latin1' }, 415],
        [{ 'content-type': 'application/jsonp' }, 415],
        [{ 'content-type': 'text/plain' }, 415],
        [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }, 415],
      ]
      for (const [headers, status] of types) {
        const answer = await it.ask('POST /say', { body: '{"word":"a"}', headers })
        assert.equal(answer.status, status, JSON.stringify(headers))
      }
      const bytes = Buffer.concat([Buffer.from('{"word":"'), Buffer.from([0xff]), Buffer.from('"}')])
      const head = 'POST /say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n'
      const answer = await raw(
        it.port,
        Buffer.concat([Buffer.from(`${head}Content-Length: ${bytes.length}\r\n\r\n`), bytes]),
      )
      assert.match(answer, /^HTTP\/1.1 400 .*"the body is not UTF-8"/s)
    })
  })

  describe('limits', () => {
    test('a body announced as too large is refused without reading it', async () => {
      await using it = await start(things)
      const head =
        'POST /small HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n'
      const answer = await raw(it.port, head)
      assert.match(answer, /^HTTP\/1.1 413 .*x-skein-error: BODY_TOO_LARGE.*connection: close/is)
    })

    test('a chunked body is refused while it comes, and the rest is not taken', async () => {
      await using it = await start(things)
      const socket = connect(it.port, '127.0.0.1').on('error', () => {})
      let answer = ''
      socket.on('data', (data) => (answer += data))
      socket.write(
        'POST /small HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      )
      const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
      let sent = 0
      while (!socket.destroyed && sent < 100_000_000) {
        if (!socket.write(chunk)) await drained(socket)
        sent += chunk.length
      }
      assert.match(answer, /^HTTP\/1.1 413 /)
      assert.ok(sent < 50_000_000, `${sent} bytes were taken`)
    })

    test('the limit is inclusive', async () => {
      await using it = await start(things)
      assert.equal((await it.ask('POST /small', { json: { x: '0123456789ab' } })).status, 200)
      assert.equal((await it.ask('POST /small', { json: { x: '0123456789abc' } })).status, 413)
    })

    const heads: [string, string, number][] = [
      ['101 fields', `GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${'a: b\r\n'.repeat(99)}\r\n`, 431],
      ['100 fields', `GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${'a: b\r\n'.repeat(98)}\r\n`, 200],
      ['17 KiB of head', `GET /ping HTTP/1.1\r\nHost: a\r\na: ${'b'.repeat(17_000)}\r\n\r\n`, 431],
      ['9 KiB of target', `GET /${'x'.repeat(9_000)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 414],
      ['no Host', 'GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
      ['two Hosts', 'GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', 400],
      [
        'gzip, chunked',
        'POST /quiet HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
        400,
      ],
      ['chunked in HTTP/1.0', 'POST /quiet HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
      [
        'both framings',
        'POST /quiet HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        400,
      ],
      ['no HTTP', 'hello\r\n\r\n', 400],
      ['absolute form', 'GET http://things/ping HTTP/1.1\r\nHost: things\r\nConnection: close\r\n\r\n', 200],
      ['a bad escape', 'GET /thing/%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 404],
    ]
    for (const [name, bytes, status] of heads) {
      test(`${name}: ${status}`, async () => {
        await using it = await start(things)
        const answer = await raw(it.port, bytes)
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), answer)
        if (status >= 400) assert.match(answer, /x-skein-error: /)
      })
    }
  })

  describe('output', () => {
    test('JSON; 204 for nothing; HEAD as GET without body', async () => {
      await using it = await start(things)
      const pong = await it.ask('GET /ping')
      assert.deepEqual([pong.status, pong.body, pong.headers.get('content-type')], [200, 'pong', 'application/json'])
      assert.equal((await it.ask('POST /quiet')).status, 204)
      const head = await it.ask('HEAD /ping')
      assert.deepEqual([head.status, head.body, head.headers.get('content-length')], [200, '', '6'])
    })

    test('a declared error has its status, code, message and details, and no mark of Skein', async () => {
      await using it = await start(things)
      const { status, body, headers } = await it.ask('POST /fails')
      assert.deepEqual([status, body], [409, { error: { code: 'Taken', message: 'try another', name: 'x' } }])
      assert.equal(headers.get('x-skein-error'), null)
      assert.deepEqual((await it.ask('POST /failsInOtherOrder')).body, {
        error: { code: 'Taken', message: 'Taken', name: 'x' },
      })
    })

    test('a handler that throws is 500 INTERNAL; the reason is in the log only', async () => {
      await using it = await start(things)
      const { status, code, body, headers } = await it.ask('POST /throws', { headers: { 'x-request-id': 'r-1' } })
      assert.deepEqual([status, code, headers.get('x-skein-error')], [500, 'INTERNAL', 'INTERNAL'])
      assert.equal((body as Body)['error']!['requestId'], 'r-1')
      assert.doesNotMatch(JSON.stringify(body), /secret/)
      const line = it.lines.find(({ msg }) => msg === 'the handler threw')!
      assert.match((line['err'] as { stack: string }).stack, /secret reason/)
      assert.deepEqual([line['requestId'], line['operation']], ['r-1', 'throws'])
      assert.equal((await it.ask('POST /undeclared')).code, 'INTERNAL')
    })

    test('the output schema is enforced and strips what it does not name', async () => {
      await using it = await start(things)
      assert.deepEqual((await it.ask('POST /strips')).body, { id: '1' })
      const wrong = await it.ask('POST /wrong')
      assert.deepEqual([wrong.status, wrong.code], [500, 'INVALID_OUTPUT'])
      const line = it.lines.find(({ msg }) => String(msg).startsWith('the output schema refuses'))!
      assert.deepEqual((line['issues'] as { path: string }[])[0]!.path, 'id')
      assert.equal((await it.ask('POST /big')).code, 'INVALID_OUTPUT')
    })

    test('a Response is streamed as it is; one that breaks off is not taken for whole', async () => {
      await using it = await start(things)
      const { status, headers, body } = await it.ask('GET /stream')
      assert.deepEqual([status, headers.get('x-a'), body], [201, '1', 'ab'])
      await assert.rejects(it.ask('GET /breaks'))
      await logged(it.lines, ({ msg }) => msg === 'the answer broke off')
    })

    test('unknown routes are 404 with what was near, known paths 405 with Allow', async () => {
      await using it = await start(things)
      const unknown = await it.ask('GET /thin/7')
      assert.deepEqual([unknown.status, unknown.code], [404, 'UNKNOWN_OPERATION'])
      assert.deepEqual((unknown.body as Body)['error']!['near'], ['GET /thing/:id', 'PUT /thing/:id'])
      const method = await it.ask('DELETE /thing/7')
      assert.deepEqual([method.status, method.code], [405, 'METHOD_NOT_ALLOWED'])
      assert.deepEqual(method.headers.get('allow')!.split(', ').sort(), ['GET', 'HEAD', 'PUT'])
    })
  })

  describe('a call that failed behind the handler, uncaught', () => {
    const cases: [string, number, string][] = [
      ['GET /upstream-gone', 503, 'NO_INSTANCES'],
      ['GET /upstream-drains', 502, 'UPSTREAM_FAILED'],
      ['GET /upstream-refuses', 500, 'INTERNAL'],
    ]
    for (const [target, status, code] of cases) {
      test(`${target} is ${status} ${code}`, async () => {
        await using it = await start(things)
        const answer = await it.ask(target)
        assert.deepEqual([answer.status, answer.code, answer.headers.get('x-skein-error')], [status, code, code])
      })
    }
  })

  test('an error whose details are no JSON is INTERNAL, and logged', async () => {
    const itself: Record<string, unknown> = {}
    itself['self'] = itself
    const failing = service('failing', {
      cycle: op({ errors: { Odd: 409 } }, (_, ctx) => ctx.fail('Odd', itself)),
      big: op({ errors: { Odd: 409 } }, (_, ctx) => ctx.fail('Odd', { count: 1n })),
    })
    await using it = await start(failing)
    for (const name of ['cycle', 'big']) {
      const { status, code } = await it.ask(`POST /${name}`)
      assert.deepEqual([status, code], [500, 'INTERNAL'])
      await logged(it.lines, ({ msg, operation }) => msg === 'the handler threw' && operation === name)
    }
  })

  describe('trace, deadline, cancellation', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

    test("the handler runs inside the caller's trace, and calls made there inherit it", async () => {
      await using it = await start(things)
      const headers = { traceparent, 'x-request-id': 'abc', 'x-skein-deadline-ms': '5000', 'x-agent': 'me' }
      const answer = await it.ask('GET /context', { headers })
      const { left, ...body } = answer.body as Record<string, unknown>
      assert.deepEqual(body, { traceId: '0af7651916cd43dd8448eb211c80319c', requestId: 'abc', same: true, agent: 'me' })
      assert.ok((left as number) > 0 && (left as number) <= 5000)
      assert.equal(answer.headers.get('x-request-id'), 'abc')
      const line = it.lines.find(({ msg }) => msg === 'from the handler')!
      assert.deepEqual([line['requestId'], line['operation']], ['abc', 'context'])
    })

    test('a malformed trace, id or deadline is as none', async () => {
      await using it = await start(things)
      const headers = { traceparent: '00-zz', 'x-request-id': 'a b\tc', 'x-skein-deadline-ms': 'soon' }
      const { body } = await it.ask('GET /context', { headers })
      const { traceId, requestId, left } = body as Record<string, string>
      assert.match(traceId!, /^[0-9a-f]{32}$/)
      assert.match(requestId!, /^[0-9a-f-]{36}$/)
      assert.equal(left, undefined)
    })

    test("the deadline aborts the handler's signal and answers 504, the caller's or the operation's own", async () => {
      await using it = await start(things)
      const answer = await it.ask('GET /until', { headers: { 'x-skein-deadline-ms': '30' } })
      assert.deepEqual([answer.status, answer.code], [504, 'DEADLINE_EXCEEDED'])
      await logged(it.lines, ({ msg }) => String(msg).startsWith('the handler failed after'))
      assert.equal((await it.ask('GET /own-timeout')).code, 'DEADLINE_EXCEEDED')
    })

    test('a body that comes too slowly is cut by the deadline', async () => {
      await using it = await start(things)
      const head =
        'POST /say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\nx-skein-deadline-ms: 30\r\n\r\n{'
      assert.match(await raw(it.port, head), /^HTTP\/1.1 504 /)
    })

    test('a caller that goes aborts the signal, and the log says 499', async () => {
      await using it = await start(things)
      const socket = connect(it.port, '127.0.0.1')
      socket.write('GET /until HTTP/1.1\r\nHost: a\r\n\r\n')
      await inFlight(it)
      socket.destroy()
      const line = await logged(it.lines, ({ kind }) => kind === 'access')
      assert.deepEqual([line['status'], line['operation']], [499, 'until'])
    })
  })

  describe('what HTTP asks for besides', () => {
    const head = 'POST /say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n'

    test('a client that waits for 100 Continue is told to go on, and any other expectation is refused', async () => {
      await using it = await start(things)
      const socket = connect(it.port, '127.0.0.1').setEncoding('latin1')
      socket.write(`${head}Expect: 100-continue\r\nContent-Length: 12\r\n\r\n`)
      const [interim] = (await once(socket, 'data')) as [string]
      assert.match(interim, /^HTTP\/1.1 100 Continue\r\n\r\n$/)
      socket.write('{"word":"a"}')
      const [final] = (await once(socket, 'data')) as [string]
      assert.match(final, /^HTTP\/1.1 200 .*\{"word":"A"\}$/s)
      assert.match(await raw(it.port, `${head}Expect: tea\r\nContent-Length: 0\r\n\r\n`), /^HTTP\/1.1 417 /)
    })

    test('answers carry the date; HEAD of a stream has its head alone, and the connection goes on', async () => {
      await using it = await start(things)
      const answers = await raw(
        it.port,
        'HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      )
      assert.match(answers, /^HTTP\/1.1 201 .*\r\n\r\nHTTP\/1.1 200 .*\r\n\r\n"pong"$/s)
      assert.equal(answers.match(/^date: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT\r$/gim)?.length, 2)
    })

    test('pipelined requests are answered in order', async () => {
      await using it = await start(things)
      const get = (query: string, last = '') =>
        `GET /context?${query} HTTP/1.1\r\nHost: a\r\nx-agent: ${query}\r\n${last}\r\n`
      const answers = await raw(it.port, get('a') + get('b') + get('c', 'Connection: close\r\n'))
      assert.deepEqual(answers.match(/"agent":"\w"/g), ['"agent":"a"', '"agent":"b"', '"agent":"c"'])
    })

    test('an asked-for upgrade that nobody takes is answered as if it had not been asked for', async () => {
      await using it = await start(things)
      const upgrade = 'Connection: upgrade, close\r\nUpgrade: websocket\r\n'
      assert.match(await raw(it.port, `GET /ping HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`), /^HTTP\/1.1 200 .*"pong"$/s)
    })

    test('HTTP/1.0 gets a stream that ends with the connection', async () => {
      await using it = await start(things)
      assert.match(await raw(it.port, 'GET /stream HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 201 .*\r\n\r\nab$/s)
    })

    test('a stream of a length that is told has that length, and no chunks', async () => {
      await using it = await start(things)
      const answer = await raw(it.port, 'GET /sized HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      assert.match(answer, /content-length: 2\r\n.*\r\n\r\nab$/is)
      assert.doesNotMatch(answer, /transfer-encoding/i)
    })

    test('a header that cannot stand in a head is a 500, not a broken connection', async () => {
      await using it = await start(things)
      assert.equal((await it.ask('GET /bad-header')).code, 'INTERNAL')
      await logged(it.lines, ({ msg }) => msg === 'the handler threw')
    })

    test('a request that does not arrive in time is a 408', async () => {
      const clock = new VirtualClock()
      await using it = await start(things, { clock })
      const answer = raw(it.port, `${head}Content-Length: 12\r\n\r\n{`)
      await inFlight(it)
      await new Promise(setImmediate)
      clock.advance(30_000)
      assert.match(await answer, /^HTTP\/1.1 408 .*x-skein-error: REQUEST_TIMEOUT.*connection: close/is)
    })

    test('a caller that goes in the middle of a stream ends the stream, and the log says 499', async () => {
      await using it = await start(things)
      const socket = connect(it.port, '127.0.0.1')
      socket.write('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
      await once(socket, 'data')
      socket.destroy()
      const line = await logged(it.lines, ({ kind }) => kind === 'access')
      assert.equal(line['status'], 499)
      await logged(it.lines, ({ msg }) => msg === 'nobody takes the stream any more')
      assert.ok(!it.lines.some(({ msg }) => msg === 'the answer broke off'))
    })

    test('a large answer comes whole to a reader that is slow', async () => {
      await using it = await start(things)
      const { body } = await fetch(`${it.url}/large`)
      let bytes = 0
      for await (const chunk of body!) {
        bytes += chunk.length
        await new Promise(setImmediate)
      }
      assert.equal(bytes, 8_000_000)
    })
  })

  describe('reserved endpoints', () => {
    test('live, ready, metrics, OpenAPI; none of them in the access log', async () => {
      await using it = await start(things)
      assert.deepEqual((await it.ask('GET /health/live')).body, { status: 'live' })
      assert.deepEqual((await it.ask('GET /health/ready')).body, { status: 'ready' })
      assert.equal(((await it.ask('GET /openapi.json')).body as { openapi: string }).openapi, '3.1.0')
      await it.ask('GET /ping')
      await logged(it.lines, ({ kind }) => kind === 'access')
      const metrics = (await it.ask('GET /metrics')).body as string
      assert.match(
        metrics,
        /skein_server_requests_total\{service="things",operation="ping",instance="[^"]+",code="200"\} 1/,
      )
      assert.match(metrics, /process_resident_memory_bytes \d+/)
      assert.equal(it.lines.filter(({ kind }) => kind === 'access').length, 1)
    })

    test('ready asks the service, with a limit, and says what is wrong', async () => {
      let health: () => unknown = () => undefined
      await using it = await start(service('a', { ok: op({}, () => 1) }, { health: () => health() }))
      assert.equal((await it.ask('GET /health/ready')).status, 200)
      health = () => {
        throw new Error('database is away')
      }
      const down = await it.ask('GET /health/ready')
      assert.deepEqual([down.status, down.body], [503, { status: 'unready', reason: 'database is away' }])
      health = () => new Promise(() => {})
      assert.match(JSON.stringify((await it.ask('GET /health/ready')).body), /has not answered in 900 ms/)
      assert.equal((await it.ask('GET /health/live')).status, 200)
    })
  })

  test(`mangled requests do not bring it down (SKEIN_SEED=${SEED})`, async () => {
    await using it = await start(things)
    const random = seeded(SEED)
    const body = '{"word":"a"}'
    const right = `POST /say?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const one = async () => {
      const bytes = Buffer.from(right)
      for (let i = 0; i <= below(random, 4); i++) bytes[below(random, bytes.length)] = below(random, 256)
      const socket = connect(it.port, '127.0.0.1').on('error', () => {})
      socket.end(bytes)
      socket.resume()
      await new Promise((resolve) => socket.once('close', resolve))
    }
    for (let round = 0; round < 50; round++) await Promise.all(Array.from({ length: 20 }, one))
    assert.equal((await it.ask('GET /ping')).status, 200)
    assert.deepEqual(
      it.lines.filter(({ msg }) => msg === 'the pipeline failed'),
      [],
    )
  })
}
