/** What the detections found, most severe first. */

import type { ComponentChildren, VNode } from 'preact'
import { SEVERITIES, type Severity } from '../../schemas/detections/detection.js'
import { number } from '../../schemas/words.js'
import type { Mask } from './mask.js'
import { Instant, Name } from './table.js'

const FIRST_FINDINGS = 3
const MOST_FINDINGS = 20

/** What a report shows of a finding. */
export interface Found {
  readonly severity: Severity
  readonly title: string
  readonly what: string
  readonly at: string
  readonly until: string | null
  readonly actor: string | null
  readonly actor_email: string | null
  readonly address: string | null
  readonly entity: string | null
  readonly subject: string | null
}

/** Ids stay, as everywhere; `actor` is the e-mail address if there is no id. */
export function maskedFinding(finding: Found, mask: Mask): Found {
  const hide = (column: string, text: string | null): string | null => {
    const value = mask(column, text)
    return value === null ? null : String(value)
  }
  const unlessId = (column: string, text: string | null): string | null =>
    text !== null && /^\d+$/.test(text) ? text : hide(column, text)
  return {
    ...finding,
    actor: unlessId('actor_email', finding.actor),
    actor_email: hide('actor_email', finding.actor_email),
    address: hide('actor_ip', finding.address),
    entity: unlessId('entity_name', finding.entity),
    subject: unlessId('subject', finding.subject),
  }
}

/** What one detection found. */
export interface FindingGroup {
  readonly severity: Severity
  readonly title: string
  readonly total: number
  /** The newest, at most 20. */
  readonly latest: readonly Found[]
}

const rank = ({ severity }: FindingGroup): number => SEVERITIES.indexOf(severity)

/**
 * @param findings of one detection, oldest first
 * @returns the few that a report shows; null if there are none
 */
export function groupOf(findings: readonly Found[]): FindingGroup | null {
  const [first] = findings
  if (first === undefined) return null
  const latest = findings.slice(-MOST_FINDINGS).reverse()
  return { severity: first.severity, title: first.title, total: findings.length, latest }
}

export const totalOfFindings = (groups: readonly FindingGroup[], severity?: Severity): number =>
  groups.reduce((sum, each) => (severity === undefined || each.severity === severity ? sum + each.total : sum), 0)

export function Findings({ findings }: { findings: readonly FindingGroup[] }): VNode {
  if (findings.length === 0) return <p class="none">The detections found nothing.</p>
  return (
    <>
      {findings
        .toSorted((a, b) => rank(b) - rank(a))
        .map((group) => (
          <Group key={group.title} group={group} />
        ))}
    </>
  )
}

function Group({ group: { severity, title, total, latest } }: { group: FindingGroup }): VNode {
  const others = latest.slice(FIRST_FINDINGS)
  const more = total - latest.length
  return (
    <div class="group">
      <h3>
        <span class={`badge ${severity}`}>{severity}</span>
        {title}
        <span class="count">{number(total)}</span>
      </h3>
      <FindingList findings={latest.slice(0, FIRST_FINDINGS)} />
      {others.length > 0 && (
        <details>
          <summary>{number(others.length)} more</summary>
          <FindingList findings={others} />
        </details>
      )}
      {more > 0 && <p class="more">and {number(more)} more that the report leaves out</p>}
    </div>
  )
}

const FindingList = ({ findings }: { findings: readonly Found[] }): VNode => (
  <ol class="findings">
    {findings.map((finding, i) => (
      <li key={i} class={finding.severity}>
        <p>{finding.what}</p>
        <Facts finding={finding} />
      </li>
    ))}
  </ol>
)

function Facts({ finding }: { finding: Found }): VNode {
  const { at, until, actor, actor_email, address, entity, subject } = finding
  return (
    <dl>
      <Fact name="When">
        <Instant at={at} />
        {until !== null && until !== at && (
          <>
            {' to '}
            <Instant at={until} />
          </>
        )}
      </Fact>
      {(actor_email ?? actor) !== null && (
        <Fact name="Actor">
          <Name>{actor_email ?? actor ?? ''}</Name>
          {actor_email !== null && actor !== null && actor !== actor_email && (
            <span class="id">
              {' id '}
              <Name>{actor}</Name>
            </span>
          )}
        </Fact>
      )}
      {address !== null && (
        <Fact name="Address">
          <Name>{address}</Name>
        </Fact>
      )}
      {entity !== null && (
        <Fact name="Team">
          <Name>{entity}</Name>
        </Fact>
      )}
      {subject !== null && (
        <Fact name="Concerns">
          <Name>{subject}</Name>
        </Fact>
      )}
    </dl>
  )
}

const Fact = ({ name, children }: { name: string; children: ComponentChildren }): VNode => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)
