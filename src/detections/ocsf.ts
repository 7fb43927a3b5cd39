/** A finding as OCSF knows it. https://schema.ocsf.io/1.5.0/classes/detection_finding */

import type { Severity } from '../../schemas/detections/detection.js'
import { DETECTIONS } from '../../schemas/detections/index.js'
import type { Finding } from './detect.js'

const VERSION = '1.5.0'
/** https://attack.mitre.org/resources/versions/ */
const ATTACK_VERSION = '17'

const SEVERITY: Readonly<Record<Severity, readonly [id: number, name: string]>> = {
  low: [2, 'Low'],
  medium: [3, 'Medium'],
  high: [4, 'High'],
}

/** An object of class 2004, Detection Finding. @param version that of this program */
export function asDetectionFinding(finding: Finding, version: string): object {
  const { actor, actor_email, address, at, until, detection, entity, subject } = finding
  const technique = DETECTIONS.find(({ id }) => id === detection)?.technique ?? null
  const [severity_id, severity] = SEVERITY[finding.severity]
  const user = { ...given('uid', actor), ...given('email_addr', actor_email) }
  const evidence = {
    ...(Object.keys(user).length === 0 ? {} : { actor: { user } }),
    ...(address === null ? {} : { src_endpoint: { ip: address } }),
    data: { events: finding.events, ...given('subject', subject) },
  }
  const started = Date.parse(at)
  const ended = until === null ? null : Date.parse(until)
  return {
    activity_id: 1,
    activity_name: 'Create',
    category_uid: 2,
    category_name: 'Findings',
    class_uid: 2004,
    class_name: 'Detection Finding',
    type_uid: 200401,
    type_name: 'Detection Finding: Create',
    severity_id,
    severity,
    status_id: 1,
    status: 'New',
    time: started,
    start_time: started,
    ...(ended === null ? {} : { end_time: ended }),
    message: finding.what,
    ...(finding.events === 0 ? {} : { count: finding.events }),
    metadata: {
      version: VERSION,
      product: { name: 'wandb-audit', vendor_name: 'wandb-audit', version },
    },
    finding_info: {
      uid: finding.key,
      title: finding.title,
      desc: finding.what,
      first_seen_time: started,
      ...(ended === null ? {} : { last_seen_time: ended }),
      analytic: { type_id: 1, type: 'Rule', uid: detection, name: finding.title },
      ...(technique === null
        ? {}
        : { attacks: [{ version: ATTACK_VERSION, technique: { uid: technique.id, name: technique.name } }] }),
    },
    evidences: [evidence],
    ...(entity === null ? {} : { resources: [{ name: entity, type: 'team' }] }),
  }
}

const given = (name: string, value: string | null): Record<string, string> => (value === null ? {} : { [name]: value })
