/**
 * The tables and how they came to be: forward only, one migration per change, each in one transaction. A migration that was released is
 * never edited. A database written by a newer version is refused, for going back could lose what that version stored.
 * Every migration runs on SQLite and on PostgreSQL: what they call differently is in `wordsOf`.
 */
import { type ColumnDefinitionBuilder, type Generated, type Kysely, PostgresAdapter, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'

/** Rows as they are stored; documents are JSON text. */
export interface Tables {
  /** In force, or lapsed and not yet tidied away. */
  controls: { id: string; document: string }
  /** Only ever added to; triggers see to it. */
  control_audit: {
    seq: Generated<number>
    at_ms: number
    action: string
    control: string
    agent: string
    target: string
    actor: string
    document: string
  }
  /** `position` keeps the order of publication. */
  releases: { position: Generated<number>; agent: string; version: string; document: string }
  /** Versions in the order they were activated, as a JSON list. */
  release_activations: { agent: string; versions: string }
  /** `position` keeps the order in which they were opened. */
  incidents: {
    position: Generated<number>
    id: string
    agent: string
    environment: string
    state: string
    severity: string
    opened_ms: number
    document: string
    /** Of the incidents when this one was written. */
    revision: Generated<number>
  }
  /** Counts the changes of a state; `writer` is the mark of the last one. */
  state_revisions: { state: string; revision: number; writer: string }
  drills: { id: string; drill: string; agent: string; ended_ms: number; document: string }
  refused_attempts: { seq: Generated<number>; at_ms: number; document: string }
}

/** Brings the tables up to date. @throws when that fails or the file is of a newer version. */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const schema = await schemaOf(db)
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  const why = error instanceof Error ? error.message : JSON.stringify(error)
  throw new Error(/missing/.test(why) ? `it was written by a newer version of agentopz (${why})` : why, { cause: error })
}

/** What the databases call differently. */
interface Words {
  /** A whole number that holds milliseconds. */
  readonly whole: 'integer' | 'bigint'
  /** A key that counts itself. */
  readonly counted: (c: ColumnDefinitionBuilder) => ColumnDefinitionBuilder
  /** Lets nobody change or delete rows of a table. */
  readonly onlyAddedTo: (db: Kysely<unknown>, table: string) => Promise<void>
}

const SQLITE: Words = {
  whole: 'integer',
  counted: (c) => c.primaryKey().autoIncrement(),
  onlyAddedTo: async (db, table) => {
    for (const event of ['update', 'delete'])
      await sql
        .raw(
          `create trigger if not exists ${table}_no_${event} before ${event} on ${table} begin select raise(abort, 'the audit is only added to'); end`,
        )
        .execute(db)
  },
}

const POSTGRES: Words = {
  whole: 'bigint',
  counted: (c) => c.primaryKey().generatedByDefaultAsIdentity(),
  onlyAddedTo: async (db, table) => {
    await sql
      .raw(
        `create function ${table}_only_added_to() returns trigger language plpgsql as $$ begin raise exception 'the audit is only added to'; end $$`,
      )
      .execute(db)
    await sql
      .raw(
        `create trigger ${table}_only_added_to before update or delete or truncate on ${table} execute function ${table}_only_added_to()`,
      )
      .execute(db)
  },
}

/** Whether it is PostgreSQL behind a query builder. */
export function isPostgres(db: Kysely<never> | Kysely<unknown> | Kysely<Tables>): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter
}

/** Where tables are made on PostgreSQL; others of the same name may be in other schemas. @throws when there is none. */
async function schemaOf(db: Kysely<Tables> | Kysely<unknown>): Promise<string | undefined> {
  if (!isPostgres(db)) return undefined
  const found = await sql<{ schema: string | null }>`select current_schema() as schema`.execute(db as Kysely<unknown>)
  const schema = found.rows[0]?.schema ?? undefined
  if (schema === undefined) throw new Error('there is no schema to make tables in; create the one that search_path names')
  return schema
}

/** One migration: the migrator of Kysely has begun a transaction where the database can take schemas back, and not where it cannot. */
function atOnce(db: Kysely<unknown>, work: (t: Kysely<unknown>, words: Words) => Promise<void>): Promise<void> {
  const words = isPostgres(db) ? POSTGRES : SQLITE
  return db.isTransaction ? work(db, words) : db.transaction().execute((t) => work(t, words))
}

/** SQLite notes a migration after it is made: one that was killed in between is made again. */
async function hasColumn(t: Kysely<unknown>, table: string, column: string): Promise<boolean> {
  const [schema, tables] = [await schemaOf(t), await t.introspection.getTables()]
  return tables.some(
    (found) => found.name === table && (schema === undefined || found.schema === schema) && found.columns.some((c) => c.name === column),
  )
}

const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-controls-and-releases': {
    up: (db: Kysely<unknown>) =>
      atOnce(db, async (t, w) => {
        await t.schema
          .createTable('controls')
          .ifNotExists()
          .addColumn('id', 'text', (c) => c.primaryKey())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
        await t.schema
          .createTable('control_audit')
          .ifNotExists()
          .addColumn('seq', w.whole, w.counted)
          .addColumn('at_ms', w.whole, (c) => c.notNull())
          .addColumn('action', 'text', (c) => c.notNull())
          .addColumn('control', 'text', (c) => c.notNull())
          .addColumn('agent', 'text', (c) => c.notNull())
          .addColumn('target', 'text', (c) => c.notNull())
          .addColumn('actor', 'text', (c) => c.notNull())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
        await w.onlyAddedTo(t, 'control_audit')
        await t.schema
          .createTable('releases')
          .ifNotExists()
          .addColumn('position', w.whole, w.counted)
          .addColumn('agent', 'text', (c) => c.notNull())
          .addColumn('version', 'text', (c) => c.notNull())
          .addColumn('document', 'text', (c) => c.notNull())
          .addUniqueConstraint('releases_agent_version', ['agent', 'version'])
          .execute()
        await t.schema
          .createTable('release_activations')
          .ifNotExists()
          .addColumn('agent', 'text', (c) => c.primaryKey())
          .addColumn('versions', 'text', (c) => c.notNull())
          .execute()
      }),
  },
  '0002-incidents': {
    up: (db: Kysely<unknown>) =>
      atOnce(db, async (t, w) => {
        await t.schema
          .createTable('incidents')
          .ifNotExists()
          .addColumn('position', w.whole, w.counted)
          .addColumn('id', 'text', (c) => c.notNull().unique())
          .addColumn('agent', 'text', (c) => c.notNull())
          .addColumn('environment', 'text', (c) => c.notNull())
          .addColumn('state', 'text', (c) => c.notNull())
          .addColumn('severity', 'text', (c) => c.notNull())
          .addColumn('opened_ms', w.whole, (c) => c.notNull())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
        await t.schema.createIndex('incidents_agent').ifNotExists().on('incidents').columns(['agent', 'opened_ms']).execute()
      }),
  },
  '0003-drills': {
    up: (db: Kysely<unknown>) =>
      atOnce(db, async (t, w) => {
        await t.schema
          .createTable('drills')
          .ifNotExists()
          .addColumn('id', 'text', (c) => c.primaryKey())
          .addColumn('drill', 'text', (c) => c.notNull())
          .addColumn('agent', 'text', (c) => c.notNull())
          .addColumn('ended_ms', w.whole, (c) => c.notNull())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
        await t.schema.createIndex('drills_ended').ifNotExists().on('drills').column('ended_ms').execute()
      }),
  },
  '0004-revisions': {
    up: (db: Kysely<unknown>) =>
      atOnce(db, async (t, w) => {
        await t.schema
          .createTable('state_revisions')
          .ifNotExists()
          .addColumn('state', 'text', (c) => c.primaryKey())
          .addColumn('revision', w.whole, (c) => c.notNull())
          .addColumn('writer', 'text', (c) => c.notNull())
          .execute()
        for (const state of ['controls', 'incidents'])
          await sql`insert into state_revisions (state, revision, writer) values (${state}, 0, '') on conflict do nothing`.execute(t)
        if (await hasColumn(t, 'incidents', 'revision')) return
        await t.schema
          .alterTable('incidents')
          .addColumn('revision', w.whole, (c) => c.notNull().defaultTo(0))
          .execute()
      }),
  },
  '0005-refused-attempts': {
    up: (db: Kysely<unknown>) =>
      atOnce(db, async (t, w) => {
        await t.schema
          .createTable('refused_attempts')
          .ifNotExists()
          .addColumn('seq', w.whole, w.counted)
          .addColumn('at_ms', w.whole, (c) => c.notNull())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
      }),
  },
}
