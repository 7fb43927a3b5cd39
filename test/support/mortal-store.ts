/** A store whose process dies: from one write or removal on nothing is carried out any more. */

import type { ObjectStore } from '../../src/stores/contract.js'

export class Killed extends Error {}

/** @param changes how many writes and removals are carried out before the end */
export function mortal(store: ObjectStore, changes: number): ObjectStore & { readonly dead: boolean } {
  let left = changes
  let dead = false
  const alive = (): void => {
    if (dead) throw new Killed('the process is gone')
  }
  const change = (): void => {
    alive()
    if (left-- > 0) return
    dead = true
    alive()
  }
  return {
    id: store.id,
    get dead() {
      return dead
    },
    async *list(prefix, signal) {
      alive()
      yield* store.list(prefix, signal)
    },
    async find(key, signal) {
      alive()
      return store.find(key, signal)
    },
    async read(object, from, signal) {
      alive()
      return store.read(object, from, signal)
    },
    async write(key, content, condition, signal) {
      change()
      return store.write(key, content, condition, signal)
    },
    async remove(key, signal) {
      change()
      return store.remove(key, signal)
    },
    close: () => store.close(),
  }
}
