/** Errors as S3 answers them: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */

const STATUS = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  BadDigest: 400,
  ConditionalRequestConflict: 409,
  ExpiredToken: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidDigest: 400,
  InvalidObjectState: 403,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidToken: 400,
  MalformedTrailerError: 400,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NotImplemented: 501,
  ObjectLockConfigurationNotFoundError: 404,
  PermanentRedirect: 301,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  XAmzContentSHA256Mismatch: 400,
} as const

export type RefusalCode = keyof typeof STATUS

/** A request that is answered with an error. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly headers: Readonly<Record<string, string>>
  /** Further elements of the answer. */
  readonly elements: Readonly<Record<string, string>>

  constructor(
    code: RefusalCode,
    message: string,
    elements: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.code = code
    this.elements = elements
    this.headers = headers
  }

  get status(): number {
    return STATUS[this.code]
  }

  get xml(): string {
    return document('Error', { Code: this.code, Message: this.message, ...this.elements, RequestId: 'LOCAL' })
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** An element; one that holds others takes their text as it is. */
export const element = (name: string, text: string): string => `<${name}>${text}</${name}>`

/**
 * Escapes text for XML 1.0. What XML cannot hold goes in as it is, as S3 does it without `encoding-type=url`: the
 * reader then fails, and should.
 */
export const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '')

export function document(name: string, texts: Readonly<Record<string, string>>): string {
  const elements = Object.entries(texts).map(([child, text]) => element(child, escaped(text)))
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, elements.join(''))}`
}
