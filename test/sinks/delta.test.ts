import { join } from 'node:path'
import { sinkConformance } from '../conformance/sinks.js'
import { deltaTarget } from '../support/delta.js'
import { newFolder } from '../support/load.js'

sinkConformance('Delta Lake in a folder', () => deltaTarget(`delta:${join(newFolder(), `it's a "lake" [x]*? 💡`)}`))
