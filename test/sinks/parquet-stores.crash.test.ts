/** The lake in further object stores: nothing differs from parquet-s3.test.ts but the store. */

import { loadingConformance } from '../conformance/sinks.js'
import { ACCOUNT } from '../emulators/azurite.js'
import { lakeIn } from '../support/lake.js'
import { lakePlaces } from '../support/store-places.js'

const places = lakePlaces()

loadingConformance('Parquet in Google Cloud Storage', async () => lakeIn('gs://lakes', places.gcs.url))
loadingConformance('Parquet in Azure Blob Storage', async () =>
  lakeIn(`az://${ACCOUNT}/lakes`, places.azurite.endpoint),
)
