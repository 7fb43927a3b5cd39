/** `fabric://workspace/mirrored-database` as a place in OneLake. */

import { parseAddress } from '../../src/address.js'
import { usageError } from '../../src/errors.js'
import { OPTIONS } from './options.js'

const ONELAKE = 'https://onelake.blob.fabric.microsoft.com'

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export interface ZonePlace {
  /** The sink's address without its options. */
  readonly id: string
  /** The workspace as an address of an object store: its account is always `onelake`. */
  readonly place: string
  /** The key of the landing zone, without a slash at the end. */
  readonly root: string
}

/**
 * Names or ids, but both of a kind: https://learn.microsoft.com/fabric/onelake/onelake-access-api
 *
 * @throws AuditError, exit code 2, when it is no such address
 */
export function zonePlace(address: string): ZonePlace {
  const { path, options } = parseAddress(address, OPTIONS)
  const [workspace = '', item = '', ...further] = path.replace(/\/$/, '').split('/')
  if (workspace === '' || item === '' || further.length > 0) {
    throw usageError(
      'a Fabric address has two parts: fabric://workspace/mirrored-database',
      'Both as names, or both as the ids in the URL of the item.',
    )
  }
  if (GUID.test(workspace) !== GUID.test(item)) {
    throw usageError(
      'a Fabric address has either two names or two ids',
      'OneLake finds an item by its id only within a workspace given by its id.',
    )
  }
  const name =
    GUID.test(item) || /\.MountedRelationalDatabase$/i.test(item) ? item : `${item}.MountedRelationalDatabase`
  const { endpoint = ONELAKE } = options
  return {
    id: `fabric://${workspace}/${item}`,
    place: `az://onelake/${workspace}?${new URLSearchParams({ endpoint })}`,
    root: `${name}/Files/LandingZone`,
  }
}
