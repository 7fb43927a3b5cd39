import { join } from 'node:path'
import { openDirectory } from '../../src/stores/index.js'
import { type ArchiveTestPlace, archiveConformance } from '../conformance/archives.js'
import { sealConformance } from '../conformance/seals.js'
import { newFolder } from '../support/load.js'

const newPlace = async (): Promise<ArchiveTestPlace> => ({
  store: await openDirectory(join(newFolder(), 'archive')),
  prefix: '',
})

archiveConformance('a folder', newPlace)
sealConformance('a folder', newPlace)
