/** Sections that are lists: who did what, and what went wrong. */

import type { VNode } from 'preact'
import { number } from '../../schemas/words.js'
import { type Answers, numberIn, rowsOf, textIn } from './answers.js'
import { type Column, countColumn, instantColumn, List, Name, Nothing, nameColumn, personColumn } from './table.js'

interface Props {
  readonly answers: Answers
}

const actor = personColumn('Actor')
const address = nameColumn('Address', 'actor_ip')

export const KeysCreated = ({ answers }: Props): VNode => (
  <List
    caption="API keys created, newest first"
    columns={[instantColumn('Created', 'happened_at'), actor, personColumn('For', 'user_email', 'user_asset'), address]}
    rows={rowsOf(answers, 'keys_created')}
    none="No key was created."
  />
)

export const RefusedLogins = ({ answers }: Props): VNode => (
  <List
    caption="Refused log-ins by actor and address, most frequent first"
    columns={[
      actor,
      address,
      countColumn('Refused', 'refused'),
      instantColumn('Last refused', 'last_refused'),
      countColumn('Succeeded', 'succeeded'),
      instantColumn('Last success', 'last_success'),
    ]}
    rows={rowsOf(answers, 'refused_logins')}
    none="No log-in was refused."
  />
)

export const NewAddresses = ({ answers }: Props): VNode => (
  <List
    caption="Addresses that known actors used for the first time, newest first"
    columns={[
      actor,
      address,
      instantColumn('First seen', 'first_seen'),
      countColumn('Events', 'events'),
      instantColumn('Actor known since', 'known_since'),
    ]}
    rows={rowsOf(answers, 'new_addresses')}
    none="No known actor used a new address."
  />
)

const factor: Column = {
  name: 'Times the median',
  right: true,
  cell: (row) => {
    if (numberIn(row, 'other_days') === 0) return 'first day'
    const times = numberIn(row, 'reads') / Math.max(numberIn(row, 'median_reads'), 1)
    const text = `${times.toLocaleString('en', { maximumFractionDigits: times < 10 ? 1 : 0 })} ×`
    return numberIn(row, 'factor') >= HEAVY ? <strong class="heavy">{text}</strong> : text
  },
}

/** A day with this many times the median, or more, stands out. */
export const HEAVY = 3

export const HeavyReaders = ({ answers }: Props): VNode => (
  <List
    caption="Actors with the heaviest day of artifact reads, compared with their own median"
    columns={[
      actor,
      nameColumn('Heaviest day', 'day'),
      countColumn('Reads', 'reads'),
      { ...countColumn('Median of other days', 'median_reads'), cell: (row) => number(numberIn(row, 'median_reads')) },
      countColumn('Other days', 'other_days'),
      factor,
    ]}
    rows={rowsOf(answers, 'heavy_readers')}
    none="Nobody read ten artifacts or more on a day."
  />
)

export const Deletions = ({ answers }: Props): VNode => (
  <List
    caption="Deletions and other removals by actor and action, most frequent first"
    columns={[
      actor,
      nameColumn('Action', 'action'),
      countColumn('Times', 'events'),
      countColumn('Projects', 'projects'),
      instantColumn('First', 'first_at'),
      instantColumn('Last', 'last_at'),
    ]}
    rows={rowsOf(answers, 'deletions')}
    none="Nothing was deleted."
  />
)

const target: Column = {
  name: 'Concerns',
  cell: (row) => {
    const user = textIn(row, 'user_email') ?? textIn(row, 'user_asset')
    const team = textIn(row, 'entity_name') ?? textIn(row, 'entity_asset')
    if (user === null && team === null) return <Nothing />
    return (
      <>
        {user !== null && <Name>{user}</Name>}
        {user !== null && team !== null && ' in '}
        {team !== null && <Name>{team}</Name>}
      </>
    )
  },
}

export const AdminChanges = ({ answers }: Props): VNode => (
  <List
    caption="Changes to users, teams and the organization, newest first"
    columns={[
      instantColumn('When', 'happened_at'),
      nameColumn('Action', 'action'),
      actor,
      target,
      address,
      nameColumn('Status', 'response_code'),
    ]}
    rows={rowsOf(answers, 'admin_changes')}
    none="Nothing was changed."
  />
)

export const Rejects = ({ answers }: Props): VNode => (
  <List
    caption="Rejected lines by reason, of the loads on these days"
    columns={[
      nameColumn('Reason', 'reason'),
      countColumn('Lines', 'rejects'),
      countColumn('Documents', 'documents'),
      instantColumn('Last', 'last_at'),
    ]}
    rows={rowsOf(answers, 'rejects')}
    none="Every line became an event."
  />
)

export const Drift = ({ answers }: Props): VNode => (
  <>
    <h3>Actions</h3>
    <List
      caption="Actions that W&B does not document"
      columns={[
        nameColumn('Action', 'action'),
        countColumn('Events', 'events'),
        instantColumn('Last seen', 'last_seen'),
      ]}
      rows={rowsOf(answers, 'unknown_actions')}
      none="Every action is documented."
    />
    <h3>Keys</h3>
    <List
      caption="Keys of events that W&B does not document"
      columns={[
        nameColumn('Key', 'undocumented_key'),
        countColumn('Events', 'events'),
        instantColumn('Last seen', 'last_seen'),
      ]}
      rows={rowsOf(answers, 'unknown_keys')}
      none="Every key is documented."
    />
  </>
)
