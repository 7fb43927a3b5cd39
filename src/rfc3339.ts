/** Formats instants for the contract: RFC 3339 text, with as many digits as needed. */

/** Takes microseconds since 1970 UTC; DuckDB's infinities, which lie beyond every date, stay words. */
export function rfc3339(micros: bigint): string {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n)
  const instant = new Date(Number(seconds) * 1000)
  if (Number.isNaN(instant.getTime())) return micros < 0n ? '-infinity' : 'infinity'
  const fraction = String(micros - seconds * 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return instant.toISOString().replace('.000Z', `${fraction === '' ? '' : `.${fraction}`}Z`)
}
