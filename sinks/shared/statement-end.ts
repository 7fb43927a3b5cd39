/** Blanks and comments. */
const NOTHING = /(?:\s+|--[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/)*/y

/**
 * A statement without the semicolons and blanks that follow it, nor comments after a semicolon. If the last semicolon is inside a text or a comment
 * itself, what remains may not be a statement, and never becomes another one.
 */
export function withoutEnd(sql: string): string {
  const text = withoutSemicolons(sql)
  const semicolon = text.lastIndexOf(';')
  return semicolon >= 0 && isNothing(text.slice(semicolon + 1)) ? withoutSemicolons(text.slice(0, semicolon)) : text
}

/** Not by a pattern, which would look at all blanks again from each of them. */
function withoutSemicolons(sql: string): string {
  let end = sql.length
  while (end > 0 && /[;\s]/.test(sql.charAt(end - 1))) end--
  return sql.slice(0, end)
}

function isNothing(text: string): boolean {
  NOTHING.lastIndex = 0
  return NOTHING.exec(text)?.[0].length === text.length
}
