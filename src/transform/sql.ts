/** Values and names in the engine's SQL. Only names and values of ours are written so; values of records never are. */

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

export const instantLiteral = (instant: Date): string => `TIMESTAMPTZ ${literal(instant.toISOString())}`
