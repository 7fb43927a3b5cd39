/** The options of BigQuery addresses. */

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects: older ones begin with `domain:`. */
export const PROJECT = /^(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/

export const OPTIONS = {
  location: {
    meaning: 'where a new dataset is created; an error if the dataset is elsewhere',
    pattern: /^[A-Za-z0-9-]{1,63}$/,
    expected: 'a location such as EU or europe-west4',
  },
  staging: {
    meaning:
      '`gs://bucket[/prefix]`: batches are uploaded there and loaded from there; for large batches and slow connections. The bucket must be in the same location as the dataset',
    pattern: /^gs:\/\//,
    expected: 'gs://BUCKET or gs://BUCKET/PREFIX',
  },
  table_prefix: {
    meaning: 'prefix for the name of every table and view',
    pattern: /^[A-Za-z0-9_]{1,200}$/,
    expected: 'made of letters, digits and underscores',
  },
  require_partition_filter: {
    meaning: '`true`: new `audit_events` tables refuse queries without a filter on `timestamp`',
    pattern: /^(?:true|false)$/,
    expected: 'true or false',
  },
  allow_expiration: {
    meaning: '`true`: load even though tables or partitions expire; older data is lost',
    pattern: /^(?:true|false)$/,
    expected: 'true or false',
  },
  billing_project: {
    meaning: "the project that runs the jobs and pays for them; by default the dataset's",
    pattern: PROJECT,
    expected: 'the id of a project',
  },
  kms_key: {
    meaning:
      '`projects/…/locations/…/keyRings/…/cryptoKeys/…`: encrypts new tables, a new dataset, staged batches and job results, instead of a Google-managed key',
    pattern:
      /^projects\/[a-z0-9.:-]+\/locations\/[a-z0-9-]+\/keyRings\/[A-Za-z0-9_-]{1,63}\/cryptoKeys\/[A-Za-z0-9_-]{1,63}$/,
    expected: 'projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY',
  },
  maximum_bytes_billed: {
    meaning: 'a job that would be billed for more bytes fails, and costs nothing',
    pattern: /^[1-9][0-9]{0,17}$/,
    expected: 'a number of bytes',
  },
  labels: {
    meaning:
      '`key:value,key:value` (in `WANDB_AUDIT_TO` write a comma as `%2C`) on every job, in addition to `application:wandb-audit` and, for loads, `load_id`',
    pattern: /^/,
    expected: 'key:value,key:value',
  },
  endpoint: {
    meaning: 'another API server over https, such as a private endpoint',
    // Credentials are sent over TLS only; plain HTTP is for stand-ins on this machine.
    pattern: /^(?:https:\/\/[a-z0-9.-]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]))(?::\d+)?\/?$/i,
    expected: 'https://HOST, or http:// on this machine',
  },
}
