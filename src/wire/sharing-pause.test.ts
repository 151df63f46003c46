import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharingPause } from './sharing-pause.ts'

/** How long the pause is that begins at `now`. */
function begin(pause: SharingPause, now: number): number {
  pause.begin(now)
  let end = now
  while (!pause.isOver(end)) end++
  return end - now
}

test('is short once, doubles where it is soon needed again, up to ten seconds, and begins anew', () => {
  const pause = new SharingPause()
  assert.ok(pause.isOver(0))
  const lengths: number[] = []
  let now = 0
  for (let i = 0; i < 9; i++) {
    lengths.push(begin(pause, now))
    now += lengths.at(-1)! * 2
  }
  assert.deepEqual(lengths, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  assert.equal(begin(pause, now + 10_001), 100)
})

test('what is slow on several connections at once counts once', () => {
  const pause = new SharingPause()
  pause.begin(0)
  pause.begin(0)
  pause.begin(50)
  assert.ok(!pause.isOver(99))
  assert.ok(pause.isOver(100))
})
