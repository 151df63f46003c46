/** Mistakes in what a user wrote. Checks collect all of them before anything is refused, so that one run shows every one. */

export interface Issue {
  /** Where the mistake is: a file path, or a name such as "arguments". */
  readonly file: string
  /** Path of the key inside the file, dotted: `gateway.routes[1].to`. Empty for the file itself. */
  readonly key: string
  readonly message: string
  /** What to write instead. */
  readonly fix: string
}

/** Thrown when a configuration has issues; the message lists all. */
export class ConfigError extends Error {
  readonly issues: readonly Issue[]

  constructor(issues: readonly Issue[]) {
    super(issues.map(formatIssue).join('\n'))
    this.name = 'ConfigError'
    this.issues = issues
  }
}

export function formatIssue(issue: Issue): string {
  const place = issue.key === '' ? issue.file : `${issue.file}: ${issue.key}`
  return `${place}: ${issue.message}. ${issue.fix}`
}

/** Collects the issues of one file. */
export class IssueList {
  readonly issues: Issue[] = []
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  add(key: string, message: string, fix: string): void {
    this.issues.push({ file: this.#file, key, message, fix })
  }
}

/** The name in `known` nearest to `wrong` (edit distance ≤ 2), for "did you mean". */
export function nearest(wrong: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = 3
  for (const candidate of known) {
    const distance = editDistance(wrong, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
