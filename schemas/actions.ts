export interface Action {
  readonly action: string
}
export const ACTIONS: readonly Action[] =
  'artifact:create artifact:delete artifact:read project:delete project:read report:read run:delete run:delete_many run:stop run:undelete_many run:update run:update_many sweep:create_agent team:create team:create_service_account team:delete team:invite_user team:uninvite organization:update_member user:create user:create_api_key user:deactivate user:delete_api_key user:initiate_login user:login user:logout user:permanently_delete user:reactivate user:read user:update'
    .split(' ')
    .map((action) => ({ action }))
