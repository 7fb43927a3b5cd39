/** The option of an address that is the sink's own; the others are the store's. */

import { parseOptions, withoutLogin } from '../../src/address.js'

export const OPTIONS = {
  maintenance: {
    meaning: '`off`: loads leave compaction, checkpoints and removals to your engine',
    pattern: /^off$/,
    expected: 'off',
  },
}

/**
 * Splits the sink's own option off an address.
 *
 * @returns the address of the lake
 * @throws AuditError, exit code 2, for another value
 */
export function splitAddress(address: string): { readonly lake: string; readonly isMaintained: boolean } {
  // A folder's name may hold a question mark; an option has a name and a value.
  const [, place = '', query = ''] = /^(.*?)(?:\?(\w+=.*))?$/s.exec(address) ?? []
  const isOwn = (part: string): boolean => /^maintenance=/.test(part)
  const parts = query === '' ? [] : query.split('&')
  const { maintenance } = parseOptions(withoutLogin(place), parts.filter(isOwn).join('&'), OPTIONS)
  const others = parts.filter((part) => !isOwn(part)).join('&')
  return { lake: others === '' ? place : `${place}?${others}`, isMaintained: maintenance === undefined }
}
