/** The forms in which texts are compared, so that case, white space and Unicode's variants do not hide equal ones. */

import { isIP, isIPv4 } from 'node:net'

/** Characters that show nothing: format characters, control characters, white space of every kind. */
const INVISIBLE = /[\p{Cf}\p{Cc}\s]/gu
const UNSEEN = /[\p{Cf}\p{Cc}]/gu

/** No name is longer. Normalising takes quadratic time, and an attacker's text may have megabytes. */
const LONGEST_NAME = 4096

/** One form for every spelling of an e-mail address: NFKC, lower case, nothing invisible. */
export function emailForm(text: string): string {
  const visible = text.replace(INVISIBLE, '')
  if (visible.length > LONGEST_NAME) return visible.toLowerCase()
  return visible.normalize('NFKC').replace(INVISIBLE, '').toLowerCase().normalize('NFKC')
}

/** One form for every spelling of a name of W&B: NFKC, lower case, no invisible character around it. */
export function nameForm(text: string): string {
  const visible = text.replace(UNSEEN, '').trim()
  if (visible.length > LONGEST_NAME) return visible.toLowerCase()
  return visible.normalize('NFKC').replace(UNSEEN, '').trim().toLowerCase().normalize('NFKC')
}

/**
 * The network of an address: `203.0.113.0/24`, `2001:db8:1::/48`. IPv6 forms of an IPv4 address count as that one.
 *
 * @returns null for anything that is not one address: a list, a port, an interface
 */
export function networkOf(text: string): string | null {
  const address = text.trim()
  if (isIPv4(address)) return v4(address.split('.'))
  if (isIP(address) !== 6 || address.includes('%')) return null
  const groups = groupsOf(address)
  const [high = 0, low = 0] = groups.slice(6)
  // ::ffff:0:0/96, RFC 4291, section 2.5.5.2
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return v4([high >> 8, high & 255, low >> 8, low & 255].map(String))
  const network = groups.slice(0, 3).map((group) => group.toString(16))
  return `${network.join(':').replace(/(?:(?:^|:)0)+$/, '')}::/48`
}

const v4 = (bytes: readonly string[]): string => `${bytes.slice(0, 3).join('.')}.0/24`

/** The eight numbers of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const hex = address.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [before = [], after] = hex.split('::').map((side) => (side === '' ? [] : side.split(':')))
  const missing = after === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(missing).fill('0'), ...(after ?? [])].map((group) => Number.parseInt(group, 16))
}
