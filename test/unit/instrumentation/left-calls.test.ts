/** The span of an aborted attempt waits to be told what it was: a retry makes it a failed attempt, the end of the process a call that was left. */
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, expect, test, vi } from 'vitest'
import { endAllLeft, endLeft, noteRetry } from '../../../instrumentation/left-calls.ts'

const exporter = new InMemorySpanExporter()
const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test')
const ended = () =>
  exporter.getFinishedSpans().map((s) => ({
    name: s.name,
    error: s.attributes['error.type'],
    status: s.status.code,
    endMs: s.endTime[0] * 1000 + s.endTime[1] / 1e6,
  }))

afterEach(() => {
  endAllLeft()
  exporter.reset()
  vi.useRealTimers()
})

const AT_MS = 1_800_000_000_000
const leave = (key: string, name = key): void => endLeft(key, tracer.startSpan(name, { startTime: AT_MS - 50 }), AT_MS)

test('nothing is told before it is known', () => {
  leave('a')
  expect(ended()).toEqual([])
})

test('a retry makes it a failed attempt, ended when it was aborted', () => {
  leave('a')
  noteRetry('a')
  expect(ended()).toEqual([{ name: 'a', error: 'timeout', status: 2, endMs: AT_MS }])
})

test('a retry of another call says nothing', () => {
  leave('a')
  noteRetry('b')
  expect(ended()).toEqual([])
})

test('without a retry it was left, ended when it was aborted', () => {
  vi.useFakeTimers()
  leave('a')
  vi.advanceTimersByTime(3000)
  expect(ended()).toEqual([{ name: 'a', error: undefined, status: 0, endMs: AT_MS }])
})

test('two aborts of one request: the first is told before the second waits', () => {
  leave('a', 'first')
  leave('a', 'second')
  expect(ended().map((s) => s.name)).toEqual(['first'])
})

test('at the end of the process all are told', () => {
  leave('a')
  leave('b')
  endAllLeft()
  expect(ended().map((s) => s.name)).toEqual(['a', 'b'])
})
