import { describe, expect, it } from 'vitest'
import { recordProblem } from '../../schemas/record.js'
import { RECORD_FIELDS } from '../../schemas/tables.js'

const timestamp = '2023-01-23T12:34:56Z'
const action = 'user:login'

describe('recordProblem', () => {
  it.each<[string, unknown]>([
    ['the least record', { timestamp, action }],
    ['unknown keys', { timestamp, action, run_asset: 7, 'no such key': { deep: [1] } }],
    ['an empty action', { timestamp, action: '' }],
    ['an action that is a number', { timestamp, action: 7 }],
    ['an action beyond every double', JSON.parse(`{"timestamp":"${timestamp}","action":1e999}`)],
    ['an action that is false', { timestamp, action: false }],
    ['an action that is an object', { timestamp, action: {} }],
    ['an undocumented action', { timestamp, action: 'run:teleport' }],
    ['a response_code that is no number', { timestamp, action, response_code: 'oops' }],
    ['a key called __proto__', JSON.parse(`{"timestamp":"${timestamp}","action":"user:login","__proto__":{"a":1}}`)],
  ])('takes %s', (_, value) => {
    expect(recordProblem(value)).toBeNull()
  })

  it.each([null, 0, '', 'text', false, [], {}])('takes %j under every other documented key', (value) => {
    const others = RECORD_FIELDS.filter((name) => name !== 'timestamp' && name !== 'action')
    expect(others).toHaveLength(17)
    expect(recordProblem({ timestamp, action, ...Object.fromEntries(others.map((name) => [name, value])) })).toBeNull()
  })

  it.each<[string, unknown]>([
    ['not_an_object', null],
    ['not_an_object', 7],
    ['not_an_object', 'text'],
    ['not_an_object', true],
    ['not_an_object', []],
    ['not_an_object', [{ timestamp, action }]],
    ['no_timestamp', {}],
    ['no_timestamp', { action }],
    ['no_timestamp', { timestamp: null, action }],
    ['no_timestamp', { timestamp: null, action: null }],
    ['no_timestamp', JSON.parse(`{"__proto__":{"timestamp":"${timestamp}"},"action":"user:login"}`)],
    ['bad_timestamp', { timestamp: 1674477296, action }],
    ['bad_timestamp', { timestamp: '', action }],
    ['bad_timestamp', { timestamp: [timestamp], action }],
    ['bad_timestamp', { timestamp: {}, action }],
    ['bad_timestamp', { timestamp: 'yesterday' }],
    ['leap_second', { timestamp: '2016-12-31T23:59:60Z' }],
    ['no_action', { timestamp }],
    ['no_action', { timestamp, action: null }],
    ['no_action', { timestamp, Action: action }],
  ])('says %s of %j', (reason, value) => {
    expect(recordProblem(value)).toEqual({ reason, message: expect.stringMatching(/^[a-z].{10,}$/i) })
  })

  it('keeps values out of its messages', () => {
    const messages = [
      recordProblem('ada@example.com'),
      recordProblem({ timestamp: 'ada@example.com', action }),
      recordProblem({ timestamp: { 'ada@example.com': 1 }, action }),
    ].map((problem) => problem?.message)
    expect(messages.join(' ')).not.toContain('ada')
    expect(messages).not.toContain(undefined)
  })
})
