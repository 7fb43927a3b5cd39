import { describe, expect, it } from 'vitest'
import { ACTIONS } from '../../schemas/actions.js'

const DOCUMENTED = [
  'artifact: create delete read',
  'project: delete read',
  'report: read',
  'run: delete delete_many stop undelete_many update update_many',
  'sweep: create_agent',
  'team: create create_service_account delete invite_user uninvite',
  'organization: update_member',
  'user: create create_api_key deactivate delete_api_key initiate_login login logout permanently_delete reactivate read update',
].flatMap((line) => {
  const [object = '', verbs = ''] = line.split(': ')
  return verbs.split(' ').map((verb) => ({ action: `${object}:${verb}`, object, verb }))
})

const namesWhere = (wanted: (action: (typeof ACTIONS)[number]) => boolean) =>
  ACTIONS.filter(wanted).map(({ action }) => action)

describe('ACTIONS', () => {
  it('has the 30 documented actions, each taken apart', () => {
    expect(ACTIONS).toHaveLength(30)
    expect(ACTIONS.map(({ action, object, verb }) => ({ action, object, verb }))).toEqual(DOCUMENTED)
  })

  it('tells reading and authentication from the rest', () => {
    expect(namesWhere(({ category }) => category === 'read')).toEqual([
      'artifact:read',
      'project:read',
      'report:read',
      'user:read',
    ])
    expect(namesWhere(({ category }) => category === 'auth')).toEqual([
      'user:create_api_key',
      'user:delete_api_key',
      'user:initiate_login',
      'user:login',
      'user:logout',
    ])
    const administered = new Set(ACTIONS.filter(({ category }) => category === 'admin').map(({ object }) => object))
    expect(administered).toEqual(new Set(['team', 'organization', 'user']))
  })

  it('marks what takes something away', () => {
    expect(namesWhere(({ destructive }) => destructive)).toEqual([
      'artifact:delete',
      'project:delete',
      'run:delete',
      'run:delete_many',
      'run:stop',
      'team:delete',
      'team:uninvite',
      'user:deactivate',
      'user:delete_api_key',
      'user:permanently_delete',
    ])
  })

  it('defines each in a sentence of its own', () => {
    expect(new Set(ACTIONS.map(({ definition }) => definition)).size).toBe(30)
    for (const { definition } of ACTIONS) expect(definition).toMatch(/^[A-Z].*\.$/)
  })
})
