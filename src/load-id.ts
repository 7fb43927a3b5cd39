import { randomBytes } from 'node:crypto'

/** Identifies one batch; sorts by time: `20261001T123456Z-1f2e3d4c`. */
export function newLoadId(now = new Date()): string {
  return `${now.toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}`
}
