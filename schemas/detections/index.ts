/** All detections, in the order of their guide. */

import { adminOutsideHours } from './admin-outside-hours.js'
import { deletionBurst } from './deletion-burst.js'
import type { Detection } from './detection.js'
import { disabledUserActive } from './disabled-user-active.js'
import { heavyArtifactReads } from './heavy-artifact-reads.js'
import { keyAfterSuspiciousLogin } from './key-after-suspicious-login.js'
import { loginAfterRefusals } from './login-after-refusals.js'
import { newNetwork } from './new-network.js'
import { rejectsRising } from './rejects-rising.js'
import { serviceAccountCreated } from './service-account-created.js'
import { sharedAddress } from './shared-address.js'
import { silentSource } from './silent-source.js'
import { undocumented } from './undocumented.js'

export const DETECTIONS: readonly Detection[] = [
  keyAfterSuspiciousLogin,
  heavyArtifactReads,
  loginAfterRefusals,
  deletionBurst,
  disabledUserActive,
  silentSource,
  adminOutsideHours,
  serviceAccountCreated,
  sharedAddress,
  rejectsRising,
  newNetwork,
  undocumented,
]
