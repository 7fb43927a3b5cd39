/** Blanks and comments. */
const NOTHING = /(?:\s+|--[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/)*/y

/**
 * A statement without trailing semicolons and blanks, and without comments after its semicolon. If that semicolon is itself inside a
 * text or a comment, what remains may not be a statement, but never becomes a different one.
 */
export function withoutEnd(sql: string): string {
  const text = withoutSemicolons(sql)
  const semicolon = text.lastIndexOf(';')
  return semicolon >= 0 && isNothing(text.slice(semicolon + 1)) ? withoutSemicolons(text.slice(0, semicolon)) : text
}

/** Without a pattern, which would be quadratic in the number of blanks. */
function withoutSemicolons(sql: string): string {
  let end = sql.length
  while (end > 0 && /[;\s]/.test(sql.charAt(end - 1))) end--
  return sql.slice(0, end)
}

function isNothing(text: string): boolean {
  NOTHING.lastIndex = 0
  return NOTHING.exec(text)?.[0].length === text.length
}
