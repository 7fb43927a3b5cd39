import { join } from 'node:path'
import { openDirectory } from '../../src/stores/index.js'
import { archiveConformance } from '../conformance/archives.js'
import { newFolder } from '../support/load.js'

archiveConformance('a folder', async () => ({ store: await openDirectory(join(newFolder(), 'archive')), prefix: '' }))
