/** For `doctor`: whether a local sink, which may hold e-mail addresses, is its owner's alone. */

import { statSync } from 'node:fs'
import type { Check } from '../../src/contract.js'
import { printable } from '../../src/errors.js'

/** @param path of a file, or of a folder, which keeps others from what is in it */
export const privateCheck = (path: string): Check => ({
  name: 'permissions',
  async run() {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 'it does not exist yet; it will be for its owner alone'
    if ((stats.mode & 0o077) === 0) return 'it is for its owner alone'
    const mode = stats.isDirectory() ? '700' : '600'
    return {
      warning: `other users may use ${printable(path)} (mode ${(stats.mode & 0o777).toString(8)}), and it may hold e-mail addresses`,
      cure: `chmod ${mode} it, unless they are meant to.`,
    }
  },
})
