/** Changed paths against what the parser of targets would say of them: they are sent without being parsed again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkPath } from '../route-syntax.ts'
import { parseRoute, RouteTable } from '../routes.ts'
import { parseTarget } from '../target.ts'
import { changedPath } from './location.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

const segment = fc.stringMatching(/^[a-zA-Z0-9._~!$&'()*+,;=@-]{1,6}$/)
const fixed = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
const named = fc
  .array(fc.oneof(segment, fc.constantFrom(':a', ':b')), { maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`)
/** Also what must be refused: the parser is asked, not this list. */
const asked = fc
  .array(fc.oneof(segment, fc.constantFrom('', '.', '..', '%2e', '%2F', '%61', '%C3%A9', '%', ':', '..;')), {
    maxLength: 4,
  })
  .map((parts) => `/${parts.join('/')}`)

test(`whatever is let in and changed would be let in as it is (SKEIN_SEED=${SEED})`, () => {
  let changed = 0
  fc.assert(
    fc.property(
      named,
      fc.boolean(),
      fc.oneof(fixed, named),
      fc.boolean(),
      asked,
      (path, isPrefix, to, byPrefix, target) => {
        const rule = isPrefix ? `${path.replace(/\/$/, '')}/*` : path
        if (checkPath(rule) !== undefined || checkPath(to) !== undefined) return
        const read = parseTarget(target, 'a.com')
        if ('reason' in read) return
        const match = new RouteTable([parseRoute({ path: rule, to: 'x' }, 0)]).match({
          ...{ method: 'GET', host: 'a.com', headers: [] },
          ...read,
        })
        if (match === undefined) return
        const names = (text: string) => text.split('/').filter((part) => part.startsWith(':'))
        if (names(to).some((name) => !names(rule).includes(name))) return
        if (byPrefix && !isPrefix) return
        const result = changedPath(byPrefix ? { prefix: to } : { path: to }, match.route, match.params, read.path)
        assert.deepEqual(parseTarget(result, 'a.com'), { path: result, query: '' })
        changed++
      },
    ),
    { seed: SEED, numRuns: 20_000 },
  )
  assert.ok(changed > 500, `only ${changed} were changed`)
})
