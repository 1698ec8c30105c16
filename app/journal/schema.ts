/** The configuration of the journal: where acknowledged requests are written down, and what bounds it. */
import { z } from 'zod'
import { duration } from '../duration.ts'

const count = z.int().min(1)
/** A start reads a segment whole, and Node reads no file of 2 GiB or more; the last request goes beyond the size. */
const LARGEST_SEGMENT = 2 ** 30

const journal = z.strictObject({
  dir: z.string().min(1).describe('Folder of the journal; nobody else may use it'),
  fsync: z
    .enum(['always', 'second', 'never'])
    .default('always')
    .describe(
      'When writing waits for the disk: before a request is acknowledged, every second, or never; kill -9 loses nothing either way, a loss of power may',
    ),
  when_full: z
    .enum(['refuse', 'degrade'])
    .default('refuse')
    .describe('While it cannot be written: refuse requests with 503, or take them unwritten'),
  max_bytes: count.default(2_147_483_648).describe('Bytes of requests kept; at the bound it counts as full'),
  max_age_seconds: duration.prefault('1h').describe('Requests that wait for a relay endpoint are kept for so long'),
  segment_bytes: count.max(LARGEST_SEGMENT).default(67_108_864).describe('Size of one file'),
  snapshot_seconds: duration.prefault(60).describe('How often the state is written whole, so that what came before need not be kept'),
})

/** A folder, or a section. */
export const journalSchema = z
  .union(
    [
      z
        .string()
        .min(1)
        .transform((dir) => journal.parse({ dir })),
      journal,
    ],
    { error: 'expected a folder, or {dir, fsync, when_full, …}' },
  )
  .describe('Acknowledged requests survive a crash in this folder, and counters continue, see docs/journal.md; none when left out')
  .optional()
