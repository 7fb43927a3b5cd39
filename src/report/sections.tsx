/** The sections of a report: their titles, what each shows, and the table of contents. */

import type { ComponentChildren, VNode } from 'preact'

export const SECTIONS = {
  findings: {
    title: 'Findings',
    note: 'What the detections found, newest first. A finding is a reason to look, not a proof.',
  },
  coverage: { title: 'Coverage and freshness', note: 'Which days the warehouse holds, and how many events each has.' },
  activity: {
    title: 'Activity by day',
    note: 'Each category has its own scale, so that a few changes are visible beside many reads.',
  },
  hours: { title: 'Hours of the week', note: 'Mean events per hour, in UTC; work outside usual hours stands out.' },
  keys: {
    title: 'API keys created',
    note: 'Newest first. A key outlives a log-out and a new password: does its owner know the address?',
  },
  logins: {
    title: 'Refused log-ins',
    note: 'By actor and address, most frequent first. A refused log-in often names no actor; its address tells more.',
  },
  addresses: {
    title: 'First-seen addresses',
    note: 'Newest first: addresses that the actor, known for a day or longer, did not use in the 90 days before.',
  },
  readers: {
    title: 'Heavy readers',
    note: 'The heaviest day of artifact reads, compared with the median of the other days on which the actor read, up to 90 days before.',
  },
  deletions: {
    title: 'Deletions',
    note: 'By actor and action, most frequent first: whatever removed data, a running job, access or a credential.',
  },
  admin: {
    title: 'Changes to users and teams',
    note: 'Newest first: invitations, roles, service accounts, deactivations; also those that were refused.',
  },
  rejects: { title: 'Rejects', note: 'Lines that could not become events. wandb-audit rejects prints them.' },
  drift: {
    title: 'Drift',
    note: "Actions and keys that are not in W&B's documentation: new features, or something else.",
  },
} as const

export type SectionId = keyof typeof SECTIONS

/** The section `id` of the page, around what it shows. */
export function Section({ id, children }: { id: SectionId; children: ComponentChildren }): VNode {
  const { title, note } = SECTIONS[id]
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <p class="note">{note}</p>
      {children}
    </section>
  )
}

export const Contents = (): VNode => (
  <nav class="contents" aria-label="Contents">
    <ul>
      {Object.entries(SECTIONS).map(([id, { title }]) => (
        <li key={id}>
          <a href={`#${id}`}>{title}</a>
        </li>
      ))}
    </ul>
  </nav>
)
