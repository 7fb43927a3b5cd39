// tsc copies no .sql: put the views beside the compiled schemas, where schemas/views.ts looks for them.
import { cpSync } from 'node:fs'

cpSync('schemas/views', 'dist/schemas/views', { recursive: true })
