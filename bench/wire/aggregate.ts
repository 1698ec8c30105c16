/**
 * The small aggregate that every decoder of the decode bench feeds, so that decoders are compared and not what is done with the spans:
 * per run the tokens, calls, failures and extent, per (operation, model, tool) a count and a sum of seconds. It is far less than the run
 * rules do; those are in the server bench. Runs are closed after every body, so that their making and going is inside the timing.
 */

/** What is read of one GenAI span, by every decoder alike. */
export interface Seen {
  traceId: string
  operation: string
  model: string
  agent: string
  tool: string
  errorType: string
  input: number
  output: number
  cacheRead: number
  startMs: number
  durationMs: number
  failed: boolean
  evaluations: number
}

interface RunTotals {
  agent: string
  spans: number
  calls: number
  tools: number
  failed: number
  evaluations: number
  input: number
  output: number
  cacheRead: number
  firstMs: number
  lastMs: number
}

interface SeriesTotals {
  count: number
  seconds: number
}

export class Aggregate {
  readonly seen: Seen = {
    traceId: '',
    operation: '',
    model: '',
    agent: '',
    tool: '',
    errorType: '',
    input: 0,
    output: 0,
    cacheRead: 0,
    startMs: 0,
    durationMs: 0,
    failed: false,
    evaluations: 0,
  }
  readonly #runs = new Map<string, RunTotals>()
  readonly #series = new Map<string, Map<string, SeriesTotals>>()
  spans = 0
  runs = 0
  input = 0
  output = 0
  evaluations = 0

  /** Counts the span that `seen` holds. */
  take(): void {
    const s = this.seen
    let run = this.#runs.get(s.traceId)
    if (run === undefined) {
      run = {
        agent: '',
        spans: 0,
        calls: 0,
        tools: 0,
        failed: 0,
        evaluations: 0,
        input: 0,
        output: 0,
        cacheRead: 0,
        firstMs: Infinity,
        lastMs: 0,
      }
      this.#runs.set(s.traceId, run)
    }
    run.spans++
    if (s.agent !== '') run.agent = s.agent
    if (s.failed) run.failed++
    run.evaluations += s.evaluations
    run.firstMs = Math.min(run.firstMs, s.startMs)
    run.lastMs = Math.max(run.lastMs, s.startMs + s.durationMs)
    if (s.operation === 'chat') {
      run.calls++
      run.input += s.input
      run.output += s.output
      run.cacheRead += s.cacheRead
    } else if (s.operation === 'execute_tool') run.tools++
    const byWhat = this.#byOperation(s.operation)
    const what = s.operation === 'chat' ? s.model : s.tool
    const series = byWhat.get(what)
    if (series === undefined) byWhat.set(what, { count: 1, seconds: s.durationMs / 1000 })
    else {
      series.count++
      series.seconds += s.durationMs / 1000
    }
  }

  #byOperation(operation: string): Map<string, SeriesTotals> {
    let found = this.#series.get(operation)
    if (found === undefined) this.#series.set(operation, (found = new Map<string, SeriesTotals>()))
    return found
  }

  /** Closes all runs. */
  close(): void {
    for (const run of this.#runs.values()) {
      this.runs++
      this.spans += run.spans
      this.input += run.input
      this.output += run.output
      this.evaluations += run.evaluations
    }
    this.#runs.clear()
  }
}
