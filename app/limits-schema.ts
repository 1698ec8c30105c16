/** Configuration keys of `limits`: what one request may be, what all of them together may hold, and how much memory there is. */
import { z } from 'zod'
import { duration } from './duration.ts'
import { memorySize } from './memory-size.ts'

const positive = z.number().gt(0)
const count = z.int().min(1)

export const limitsSchema = z
  .strictObject({
    max_body_bytes: count.default(67_108_864).describe('Request body as received'),
    max_decompressed_bytes: count.default(134_217_728),
    max_compression_ratio: positive.default(200).describe('Beyond the first MiB'),
    max_inflight_bytes: count.default(268_435_456).describe('Request bodies in memory; senders get 503 beyond it'),
    max_concurrent_requests: count.default(256).describe('Requests under way; more get 503'),
    max_memory: memorySize
      .prefault('auto')
      .describe(
        'Memory of the process: bytes, or like `512MiB`, or like `80%` of what its cgroup or the machine gives; auto is all of that, off watches none. Bodies may have what refuse_above_memory leaves of it, at most',
      ),
    refuse_above_memory: z
      .number()
      .gt(0)
      .lt(1)
      .default(0.8)
      .describe('Share of max_memory, and of the heap limit of Node, above which requests get 503 until less is used'),
    request_timeout_seconds: duration
      .prefault(30)
      .describe('Until all of a body has come, over HTTP and gRPC; and until the answer of a gRPC call was fetched'),
    grpc_idle_seconds: duration
      .prefault(300)
      .describe('A gRPC connection without a call for so long is ended; clients connect again by themselves'),
    max_nesting: count.describe('Depth of nested values; 32 in protobuf and 100 in JSON when left out').optional(),
    max_items_per_request: count.default(200_000).describe('Spans or log records in one request'),
    unpack_inline_bytes: count
      .default(262_144)
      .describe(
        'Compressed bodies above this, or that unpack to more than 4 MiB, are unpacked on other threads; gzip above four times this, unless several processes share the work',
      ),
    slice_above_bytes: count
      .default(2_097_152)
      .describe('A request that unpacks to more is taken in slices, so that others are answered meanwhile'),
    slice_bytes: z
      .int()
      .min(1024, { error: ({ input }) => `${String(input)} is too small; write 1024 at least, or leave it out` })
      .default(131_072)
      .describe(
        'How large those slices are, about, and slice_above_bytes at most; smaller ones hold others up for less time and cost more',
      ),
  })
  .prefault({})
  .describe('What a request may be')
