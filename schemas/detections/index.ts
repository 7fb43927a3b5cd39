/** All detections, in the order of their guide. */

import type { Detection } from './detection.js'
import { heavyArtifactReads } from './heavy-artifact-reads.js'
import { keyAfterSuspiciousLogin } from './key-after-suspicious-login.js'
import { loginAfterRefusals } from './login-after-refusals.js'

export const DETECTIONS: readonly Detection[] = [keyAfterSuspiciousLogin, heavyArtifactReads, loginAfterRefusals]
