/** For `doctor`: whether only the owner can access a local sink, which may hold e-mail addresses. */

import { statSync } from 'node:fs'
import type { Check } from '../../src/contract.js'
import { printable } from '../../src/errors.js'

/** @param path of a file, or of a folder whose mode protects everything in it */
export const privateCheck = (path: string): Check => ({
  name: 'permissions',
  async run() {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 'it does not exist yet; only its owner will have access'
    if ((stats.mode & 0o077) === 0) return 'only its owner can access it'
    const mode = stats.isDirectory() ? '700' : '600'
    return {
      warning: `other users can access ${printable(path)} (mode ${(stats.mode & 0o777).toString(8)}), which may hold e-mail addresses`,
      cure: `Run chmod ${mode} on it, unless that is intended.`,
    }
  },
})
