/** An exception of the Data API's. */
export class Refusal extends Error {
  override readonly name: string
  readonly status: number

  constructor(name: string, message: string, status = 400) {
    super(message)
    this.name = name
    this.status = status
  }
}

/** What Redshift itself says of a statement, which then is FAILED. */
export class RedshiftError extends Error {}

export const syntaxError = (near: string): RedshiftError => new RedshiftError(`syntax error at or near "${near}"`)
