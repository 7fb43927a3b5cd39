/** The documented actions, stated once: they fill `audit_actions` and the data dictionary. */

type Category = 'read' | 'write' | 'admin' | 'auth'

export interface Action {
  /** As it stands in the record: `object:verb`. */
  readonly action: string
  readonly object: string
  readonly verb: string
  /** read: looks only. auth: log-in, log-out, API keys. admin: users, teams, the organization. write: the rest. */
  readonly category: Category
  /** Takes something away: data, a running job, access or a credential; also where it can be undone. */
  readonly destructive: boolean
  readonly definition: string
}

function action(name: string, category: Category, definition: string, destructive = false): Action {
  const colon = name.indexOf(':')
  return {
    action: name,
    object: name.slice(0, colon),
    verb: name.slice(colon + 1),
    category,
    destructive,
    definition,
  }
}

const destructive = (name: string, category: Category, definition: string): Action =>
  action(name, category, definition, true)

/** The definitions are W&B's, from "Track user activity with audit logs"; other actions may appear in a log. */
export const ACTIONS: readonly Action[] = [
  action('artifact:create', 'write', 'Artifact is created.'),
  destructive('artifact:delete', 'write', 'Artifact is deleted.'),
  action('artifact:read', 'read', 'Artifact is read.'),
  destructive('project:delete', 'write', 'Project is deleted.'),
  action('project:read', 'read', 'Project is read.'),
  action('report:read', 'read', 'Report is read.'),
  destructive('run:delete', 'write', 'Run is deleted.'),
  destructive('run:delete_many', 'write', 'Runs are deleted in batch.'),
  destructive('run:stop', 'write', 'Run is stopped.'),
  action('run:undelete_many', 'write', 'Runs are brought back from trash in batch.'),
  action('run:update', 'write', 'Run is updated.'),
  action('run:update_many', 'write', 'Runs are updated in batch.'),
  action('sweep:create_agent', 'write', 'Sweep agent is created.'),
  action('team:create', 'admin', 'Team is created.'),
  action('team:create_service_account', 'admin', 'Service account is created for the team.'),
  destructive('team:delete', 'admin', 'Team is deleted.'),
  action('team:invite_user', 'admin', 'User is invited to team.'),
  destructive('team:uninvite', 'admin', 'User or service account is uninvited from team.'),
  action('organization:update_member', 'admin', "Organization member's role is updated."),
  action('user:create', 'admin', 'User is created.'),
  action('user:create_api_key', 'auth', 'API key for the user is created.'),
  destructive('user:deactivate', 'admin', 'User is deactivated.'),
  destructive('user:delete_api_key', 'auth', 'API key for the user is deleted.'),
  action('user:initiate_login', 'auth', 'User initiates log in.'),
  action('user:login', 'auth', 'User logs in.'),
  action('user:logout', 'auth', 'User logs out.'),
  destructive('user:permanently_delete', 'admin', 'User is permanently deleted.'),
  action('user:reactivate', 'admin', 'User is reactivated.'),
  action('user:read', 'read', 'User profile is read.'),
  action('user:update', 'admin', 'User is updated.'),
]
