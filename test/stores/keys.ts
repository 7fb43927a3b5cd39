/** Which of the hostile keys a vendor can have. */

import { HOSTILE_KEYS } from '../conformance/stores.js'

/** https://cloud.google.com/storage/docs/objects#naming: no carriage return or line feed, and no name of dots alone. */
export const GCS_KEYS = HOSTILE_KEYS.filter((key) => !/[\r\n]/.test(key) && key !== '..')

/** The service takes a backslash for a slash; Azurite cannot list control characters; no URL can name a blob of dots alone. */
export const AZURE_KEYS = HOSTILE_KEYS.filter((key) => !/[\p{Cc}\\]/u.test(key) && key !== '..')
