/** The findings of the detections, the most severe first. */

import type { ComponentChildren, VNode } from 'preact'
import type { Mask } from './mask.js'
import { Instant, Name } from './table.js'
import { number } from './texts.js'

const FIRST_FINDINGS = 10
const MOST_FINDINGS = 50

/** What a report shows of a finding. */
export interface Found {
  readonly severity: string
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

/** Ids stay, as everywhere; where there is no id, `actor` is the e-mail address. */
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

export function Findings({ findings }: { findings: readonly Found[] }): VNode {
  if (findings.length === 0) return <p class="none">The detections found nothing.</p>
  const more = findings.length - MOST_FINDINGS
  const others = findings.slice(FIRST_FINDINGS, MOST_FINDINGS)
  return (
    <>
      <FindingList findings={findings.slice(0, FIRST_FINDINGS)} />
      {others.length > 0 && (
        <details>
          <summary>{number(others.length)} more</summary>
          <FindingList findings={others} />
        </details>
      )}
      {more > 0 && <p class="more">and {number(more)} more that the report leaves out</p>}
    </>
  )
}

const FindingList = ({ findings }: { findings: readonly Found[] }): VNode => (
  <ol class="findings">
    {findings.map((finding, i) => (
      <li key={i} class={finding.severity}>
        <h3>
          <span class={`badge ${finding.severity}`}>{finding.severity}</span>
          {finding.title}
        </h3>
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
