/** A table in Markdown; a cell holds no line break and no `|`. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `${lines.join('\n')}\n`.replace('| --- |', '|---|').replaceAll(' --- |', '---|')
}
