/** What the stand-in of Google Cloud Storage answers when it does not do what it is asked. */

export class Refusal extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }

  /** https://cloud.google.com/storage/docs/json_api/v1/status-codes */
  get json(): string {
    const { status, reason, message } = this
    return JSON.stringify({ error: { code: status, message, errors: [{ message, domain: 'global', reason }] } })
  }
}
