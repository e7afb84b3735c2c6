// This writes the SQL of the PostgreSQL store: a statement for each verb, which is atomic by itself.

/** Rows that one call of `sweep` removes, at most. */
const sweptAtOnce = 100

/** The statements by the verb. */
export type Statements = Readonly<
  Record<'create' | 'read' | 'commit' | 'set' | 'delete' | 'sweep' | 'check' | 'tell', string>
>

/** The time of the database, not that at which its transaction began, which may have waited for a lock. */
const itsTime = 'extract(epoch FROM clock_timestamp()) * 1000'

/** Writes a column that tells of the end of the session, where a condition holds. */
type Tell = (condition: string) => string

const tellIn =
  (channel: string, tells: boolean): Tell =>
  (condition) =>
    tells ? `, CASE WHEN ${condition} THEN pg_notify('${channel}', $1)::text END AS told` : ''

/** Writes the statements. Instants travel as text, as drivers differ in what they make of a bigint. */
export function statements(table: string, channel: string, tells: boolean): Statements {
  const tell = tellIn(channel, tells)
  // Columns have names of one word, which a driver does not rename, as it may rename created_at to createdAt.
  const columns = 'created_at::text AS created, expires_at::text AS expires, policy, entries::text'
  return {
    // What the clock of the database calls expired is not there for anybody else, and so it is not stored.
    create: `WITH late AS MATERIALIZED (
        SELECT $3::text::bigint <= ${itsTime} AS late
      ), made AS (
        INSERT INTO ${table} AS old (id, created_at, expires_at, policy, entries)
        SELECT $1, $2::text::bigint, $3::text::bigint, $4, $5::text::jsonb FROM late WHERE NOT late
        ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, expires_at = excluded.expires_at,
          policy = excluded.policy, entries = excluded.entries
        WHERE old.expires_at <= excluded.created_at RETURNING 1
      )
      SELECT late, EXISTS (SELECT FROM made) AS created FROM late`,
    read: `SELECT ${columns} FROM ${table} WHERE id = $1`,
    commit: commitStatement(table, tell),
    set: setStatement(table),
    // The row is locked first, as in a commit, and the answer is what it held then. A mark stays, as does a
    // session that is to move where the clock of the database would refuse to create it again. Whatever has ended is
    // told on its commit. A commit that changes entries tells nothing, as PostgreSQL lets all that tell wait for each other
    // until they are on the disk.
    delete: `WITH found AS MATERIALIZED (
        SELECT ${columns}, expires_at, expires_at > $2::text::bigint AS alive, policy LIKE '>%' AS marks
        FROM ${table} WHERE id = $1 FOR UPDATE
      ), hit AS MATERIALIZED (
        SELECT *, $4 = '>moved' AND alive AND NOT marks AND expires_at <= ${itsTime} AS skewed FROM found
      ), marked AS (
        UPDATE ${table} SET created_at = 0, expires_at = $3::text::bigint, policy = $4, entries = '[]'
        FROM hit WHERE id = $1 AND $4 <> '' AND alive AND NOT marks AND NOT skewed
      ), deleted AS (
        DELETE FROM ${table} USING hit WHERE id = $1 AND (NOT alive OR ($4 = '' AND NOT marks))
      )
      SELECT created, expires, policy, entries, skewed${tell('alive AND NOT marks AND NOT skewed')} FROM hit`,
    // A sweep does not wait for the disk, as the rows that a crash brings back have expired.
    sweep: `WITH relaxed AS (
        SELECT set_config('synchronous_commit', 'off', true)
      ), swept AS (
        DELETE FROM ${table} WHERE id IN (
          SELECT id FROM ${table} WHERE expires_at <= $1::text::bigint
          ORDER BY expires_at LIMIT ${sweptAtOnce} FOR UPDATE SKIP LOCKED
        ) RETURNING 1
      )
      SELECT (SELECT count(*)::text FROM swept) AS count FROM relaxed`,
    tell: `SELECT pg_notify('${channel}', $1)::text AS told`,
    check: `SELECT (SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass($1)) AS persistence,
        current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('fsync') AS fsync,
        current_setting('default_transaction_isolation') AS isolation,
        current_setting('server_encoding') AS encoding,
        current_setting('transaction_read_only') AS unwritable,
        trunc(${itsTime})::bigint::text AS now`,
  }
}

/** Locks the row of a session that is there. */
const found = (table: string): string =>
  `SELECT entries, policy, created_at, expires_at FROM ${table} WHERE id = $1 AND expires_at > $2::text::bigint FOR UPDATE`

/**
 * The statement that does what `apply` says. A row of its CTEs is a session or one of its entries, and each
 * CTE is a step of `apply`, told by the comment before it. `hit` locks the row first: a change that waited
 * for another one sees what that one left, and nobody writes between the verdict and the update. Where there
 * is no such session `hit` is empty, and so is all that follows, so that no row means `gone`. The change set
 * is one parameter, so that there is one statement for all change sets.
 */
const commitStatement = (table: string, tell: Tell): string =>
  withoutComments(`
    -- The session, unless it has expired.
    WITH hit AS MATERIALIZED (${found(table)}),
    -- The change set.
    asked AS MATERIALIZED (
      SELECT change, (change->>'clear')::boolean AS clear FROM (SELECT $3::text::jsonb AS change) AS given
    ),
    -- The entries of the session.
    held AS (
      SELECT pair->>0 AS key, pair->>1 AS text, place
      FROM hit, jsonb_array_elements(entries) WITH ORDINALITY AS each (pair, place)
    ),
    -- What was expected and is not so.
    broken AS (
      SELECT FROM asked, jsonb_array_elements(change->'expect') AS each (pair)
      LEFT JOIN held ON held.key = pair->>0
      WHERE held.text IS DISTINCT FROM pair->>1
    ),
    -- The entries to set, or to delete where text is null. Some lose their place.
    wanted AS (
      SELECT pair->>0 AS key, pair->>1 AS text, place, jsonb_array_length(pair) > 2 AS moves
      FROM asked, jsonb_array_elements(change->'entries') WITH ORDINALITY AS each (pair, place)
    ),
    -- What clear leaves.
    kept AS (
      SELECT key, held.text, place FROM held, asked WHERE NOT clear
    ),
    -- One over the other. A key that is there keeps its place, and a new one comes after all others.
    merged AS (
      SELECT key, CASE WHEN wanted.place IS NULL THEN kept.text ELSE wanted.text END AS text,
        CASE WHEN moves THEN NULL ELSE kept.place END AS old_place, wanted.place AS new_place
      FROM kept FULL JOIN wanted USING (key)
    ),
    next AS (
      SELECT coalesce(jsonb_agg(jsonb_build_array(key, text) ORDER BY old_place, new_place), '[]') AS entries,
        count(*) AS keys, coalesce(sum(octet_length(key) + octet_length(text)), 0) AS bytes
      FROM merged WHERE text IS NOT NULL
    ),
    -- What the row is to hold, but for its deadline.
    planned AS (
      SELECT hit.policy AS old_policy, next.entries, keys, bytes, hit.expires_at, change,
        (change->>'expiresAt')::bigint AS moved_to, change->>'under' AS under,
        coalesce(change->>'policy', CASE WHEN clear THEN '' ELSE hit.policy END) AS policy,
        hit.created_at + (change#>>'{activity,lifetime}')::bigint AS last,
        (change#>>'{activity,until}')::bigint AS active_until, (change#>>'{activity,step}')::bigint AS step
      FROM hit, asked, next
    ),
    -- The deadline moves where its policy still stands, and by activity under the policy of the server.
    timed AS (
      SELECT *, CASE
          WHEN moved_to IS NOT NULL AND coalesce(under, policy) = policy THEN moved_to
          WHEN policy = '' AND (least(active_until, last) - expires_at >= step
            OR (active_until >= last AND last > expires_at)) THEN least(active_until, last)
          ELSE expires_at END AS deadline
      FROM planned
    ),
    -- The outcome. Nobody else finds what has expired by the clock of the database.
    verdict AS (
      SELECT CASE
          WHEN old_policy LIKE '>%' THEN substr(old_policy, 2)
          WHEN EXISTS (SELECT FROM broken) THEN 'conflict'
          WHEN keys > (change#>>'{limit,keys}')::bigint OR bytes > (change#>>'{limit,bytes}')::bigint THEN 'full'
          WHEN deadline > $2::text::bigint AND deadline <= ${itsTime} THEN 'skewed'
          ELSE 'committed'
        END AS outcome, entries, policy, deadline
      FROM timed
    ),
    done AS (
      UPDATE ${table} SET entries = verdict.entries, policy = verdict.policy, expires_at = deadline
      FROM verdict WHERE id = $1 AND outcome = 'committed'
    )
    -- Only what ends the session is told.
    SELECT outcome${tell("outcome = 'committed' AND deadline <= $2::text::bigint")} FROM verdict`)

/**
 * The statement for a change set that sets one key and asks for nothing else, as most do: what `commitStatement` does of
 * it, for half of the CPU. $5 and $6 are the limit, $7 to $9 the activity: null where there is none.
 */
const setStatement = (table: string): string =>
  withoutComments(
    `
    WITH hit AS MATERIALIZED (${found(table)}),
    -- What the other entries take, and the place of this one.
    counted AS MATERIALIZED (
      SELECT hit.*, others, bytes, place, created_at + $8::text::bigint AS last,
        least($7::text::bigint, created_at + $8::text::bigint) AS active_until
      FROM hit, LATERAL (
        SELECT count(*) FILTER (WHERE pair->>0 <> $3) AS others, min(nr - 1) FILTER (WHERE pair->>0 = $3) AS place,
          coalesce(sum(octet_length(pair->>0) + octet_length(pair->>1)) FILTER (WHERE pair->>0 <> $3), 0) AS bytes
        FROM jsonb_array_elements(entries) WITH ORDINALITY AS each (pair, nr)
      ) AS sums
    ),
    timed AS (
      SELECT *, CASE
          WHEN policy = '' AND (active_until - expires_at >= $9::text::bigint
            OR ($7::text::bigint >= last AND last > expires_at)) THEN active_until
          ELSE expires_at END AS deadline
      FROM counted
    ),
    verdict AS (
      SELECT CASE
          WHEN policy LIKE '>%' THEN substr(policy, 2)
          WHEN others + 1 > $5::text::bigint
            OR bytes + octet_length($3) + octet_length($4) > $6::text::bigint THEN 'full'
          WHEN deadline <= ${itsTime} THEN 'skewed'
          ELSE 'committed'
        END AS outcome, deadline, CASE
          WHEN place IS NULL THEN entries || jsonb_build_array(jsonb_build_array($3, $4))
          ELSE jsonb_set(entries, ARRAY[place::text, '1'], to_jsonb($4))
        END AS entries
      FROM timed
    ),
    done AS (
      UPDATE ${table} SET entries = verdict.entries, expires_at = deadline
      FROM verdict WHERE id = $1 AND outcome = 'committed'
    )
    SELECT outcome FROM verdict`
      .replaceAll('$3', '$3::text')
      .replaceAll('$4', '$4::text'),
  )

/** Removes the comments, which would be sent with each call where statements are not prepared. */
const withoutComments = (sql: string): string => sql.replaceAll(/^ *--.*\n/gm, '')
