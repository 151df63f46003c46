/** A folder's name as a name for npm and Docker. */
import path from 'node:path'

export function packageName(dir: string): string {
  return (
    path
      .basename(dir)
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '') || 'my-app'
  )
}
