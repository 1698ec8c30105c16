import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromProtobuf, logsToProtobuf, type Otlp, toJson, toProtobuf } from '../../support/otlp.ts'
import { logsRequest, tracesRequest } from './arbitrary.ts'
import { captures, readLogs, readTraces } from './reading.ts'
import { expectedLogs, expectedTraces } from './reference.ts'

function compareTraces(request: Otlp): number {
  const bytes = toProtobuf(request)
  const peer = fromProtobuf(bytes)
  const expected = expectedTraces(peer)
  expect(readTraces(bytes, 'protobuf')).toEqual(expected)
  expect(readTraces(toJson(peer), 'json')).toEqual(expected)
  return expected.spans.length
}

function compareLogs(request: Otlp): number {
  const bytes = logsToProtobuf(request)
  const peer = fromProtobuf(bytes, 'logs')
  const expected = expectedLogs(peer)
  expect(readLogs(bytes, 'protobuf').logs).toEqual(expected)
  expect(readLogs(toJson(peer), 'json').logs).toEqual(expected)
  return expected.length
}

describe('both decoders hand on what protobufjs decodes', () => {
  for (const { file, requests } of captures('traces')) {
    test(file, () => {
      let spans = 0
      for (const request of requests) {
        spans += compareTraces(request)
        // The capture as the SDK wrote it, not as protobufjs would.
        expect(readTraces(toJson(request), 'json')).toEqual(readTraces(toProtobuf(request), 'protobuf'))
      }
      expect(spans).toBeGreaterThan(0)
    })
  }
  for (const { file, requests } of captures('logs')) {
    test(file, () => {
      let records = 0
      for (const request of requests) {
        records += compareLogs(request)
        expect(readLogs(toJson(request), 'json')).toEqual(readLogs(logsToProtobuf(request), 'protobuf'))
      }
      expect(records).toBeGreaterThan(0)
    })
  }
  test('random traces', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(tracesRequest, (request) => compareTraces(request) >= 0),
      { numRuns: 1000 },
    )
  })
  test('random logs', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(logsRequest, (request) => compareLogs(request) >= 0),
      { numRuns: 500 },
    )
  })
})
