/** What goes wrong on request, each fault once. */

type Input = Readonly<Record<string, unknown>>

export type Fault =
  /** The next request of an operation is answered with an exception. */
  | {
      readonly operation: string
      readonly kind: 'refuse'
      readonly name: string
      readonly message?: string
      readonly status?: number
    }
  /** It takes effect, and the connection breaks before the answer. */
  | { readonly operation: string; readonly kind: 'lost-answer' }
  /** The next batch with such a statement ends so, and nothing of it is kept. */
  | { readonly kind: 'ends'; readonly sql: RegExp; readonly status: 'FAILED' | 'ABORTED'; readonly error?: string }
  /** The next batch with such a statement is committed, and the connection breaks before that is heard of. */
  | { readonly kind: 'lost-at-commit'; readonly sql: RegExp }
  /** The next batch with such a statement counts as committed and is not, as no service should do. */
  | { readonly kind: 'forgotten'; readonly sql: RegExp }
  /** The next batch with such a statement is run, and then nobody knows it any more. */
  | { readonly kind: 'vanishes'; readonly sql: RegExp; readonly committed: boolean }

export type RequestFault = Extract<Fault, { operation: string }>
export type StatementFault = Exclude<Fault, { operation: string }>

export function faultQueue() {
  const faults: Fault[] = []
  const take = <F extends Fault>(fits: (fault: Fault) => fault is F): F | null => {
    const at = faults.findIndex(fits)
    return at === -1 ? null : (faults.splice(at, 1)[0] as F)
  }
  return {
    add: (fault: Fault): void => void faults.push(fault),
    get left() {
      return faults.length
    },
    request: (operation: string, _input: Input): RequestFault | null =>
      take((fault): fault is RequestFault => 'operation' in fault && fault.operation === operation),
    statement: ({ Sqls }: Input): StatementFault | null =>
      take(
        (fault): fault is StatementFault =>
          'sql' in fault && Array.isArray(Sqls) && Sqls.some((sql) => fault.sql.test(String(sql))),
      ),
  }
}
