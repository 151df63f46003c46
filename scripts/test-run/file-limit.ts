/**
 * Loaded into every process of a test run: ends a test file that has not ended by itself, and says what kept it. node's
 * own --test-timeout ends a test, but then waits for the file for ever.
 */
const LIMIT_MS = Number(process.env['SKEIN_TEST_FILE_LIMIT_MS'] ?? 300_000)

/** Not the runner itself, nor programs that a test starts. */
const isTestFile = process.env['NODE_TEST_CONTEXT'] !== undefined && /\.test\.ts$/.test(process.argv[1] ?? '')

if (isTestFile) {
  setTimeout(() => {
    const kept = process.getActiveResourcesInfo().join(', ')
    console.error(`${process.argv[1]} did not end within ${LIMIT_MS} ms; still open: ${kept}`)
    process.exit(1)
  }, LIMIT_MS).unref()
}
