/** Configuration → what the journal wants, in its units; undefined where there is to be none. */
import { resolve } from 'node:path'
import type { Config } from '../config-schema.ts'
import type { JournalSettings } from './journal.ts'

/** `dir` is the folder that relative paths start from. */
export function journalSettings({ journal }: Config, dir: string): JournalSettings | undefined {
  if (journal === undefined) return undefined
  return {
    dir: resolve(dir, journal.dir),
    fsync: journal.fsync,
    whenFull: journal.when_full,
    maxBytes: journal.max_bytes,
    maxAgeMs: journal.max_age_seconds * 1000,
    segmentBytes: journal.segment_bytes,
    snapshotMs: journal.snapshot_seconds * 1000,
  }
}
