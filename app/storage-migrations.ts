/**
 * The tables and how they came to be: forward only, one migration per change, each in one transaction. A migration that was released is
 * never edited. A file written by a newer version is refused, for going back could lose what that version stored.
 */
import { type Generated, type Kysely, sql } from 'kysely'
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
  }
  drills: { id: string; drill: string; agent: string; ended_ms: number; document: string }
}

/** Brings the tables up to date. @throws when that fails or the file is of a newer version. */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  const why = error instanceof Error ? error.message : JSON.stringify(error)
  throw new Error(/missing/.test(why) ? `it was written by a newer version of agentopz (${why})` : why, { cause: error })
}

const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-controls-and-releases': {
    up: (db: Kysely<unknown>) =>
      db.transaction().execute(async (t) => {
        await t.schema
          .createTable('controls')
          .ifNotExists()
          .addColumn('id', 'text', (c) => c.primaryKey())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
        await t.schema
          .createTable('control_audit')
          .ifNotExists()
          .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
          .addColumn('at_ms', 'integer', (c) => c.notNull())
          .addColumn('action', 'text', (c) => c.notNull())
          .addColumn('control', 'text', (c) => c.notNull())
          .addColumn('agent', 'text', (c) => c.notNull())
          .addColumn('target', 'text', (c) => c.notNull())
          .addColumn('actor', 'text', (c) => c.notNull())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
        for (const event of ['update', 'delete'])
          await sql
            .raw(
              `create trigger if not exists control_audit_no_${event} before ${event} on control_audit begin select raise(abort, 'the audit is only added to'); end`,
            )
            .execute(t)
        await t.schema
          .createTable('releases')
          .ifNotExists()
          .addColumn('position', 'integer', (c) => c.primaryKey().autoIncrement())
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
      db.transaction().execute(async (t) => {
        await t.schema
          .createTable('incidents')
          .ifNotExists()
          .addColumn('position', 'integer', (c) => c.primaryKey().autoIncrement())
          .addColumn('id', 'text', (c) => c.notNull().unique())
          .addColumn('agent', 'text', (c) => c.notNull())
          .addColumn('environment', 'text', (c) => c.notNull())
          .addColumn('state', 'text', (c) => c.notNull())
          .addColumn('severity', 'text', (c) => c.notNull())
          .addColumn('opened_ms', 'integer', (c) => c.notNull())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
        await t.schema.createIndex('incidents_agent').ifNotExists().on('incidents').columns(['agent', 'opened_ms']).execute()
      }),
  },
  '0003-drills': {
    up: (db: Kysely<unknown>) =>
      db.transaction().execute(async (t) => {
        await t.schema
          .createTable('drills')
          .ifNotExists()
          .addColumn('id', 'text', (c) => c.primaryKey())
          .addColumn('drill', 'text', (c) => c.notNull())
          .addColumn('agent', 'text', (c) => c.notNull())
          .addColumn('ended_ms', 'integer', (c) => c.notNull())
          .addColumn('document', 'text', (c) => c.notNull())
          .execute()
        await t.schema.createIndex('drills_ended').ifNotExists().on('drills').column('ended_ms').execute()
      }),
  },
}
