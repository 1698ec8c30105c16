/** Ollama's completion of one prompt, `/api/generate`: like its chat, with the text in `response` and without tools. Source: ollama's api.md. */
import { ollama } from './ollama.ts'
import { number, object, type Protocol, string, tokens } from './protocol.ts'

export const ollamaGenerate: Protocol = {
  name: 'ollama.generate',
  provider: 'ollama',
  matches: (path) => path.endsWith('/api/generate'),
  fits: (b) => string(b['model']) !== undefined,
  request: (b) => {
    const instructions = string(b['system'])
    const options = object(b['options'])
    const maxTokens = number(options?.['num_predict'])
    const temperature = number(options?.['temperature'])
    return {
      operation: 'text_completion',
      model: string(b['model']),
      stream: b['stream'] !== false,
      toolResults: [],
      wantsForm: b['format'] !== undefined && b['format'] !== '',
      messages: b['prompt'],
      ...(instructions === undefined ? {} : { instructions }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
    }
  },
  answer: (b, into) => read(b, into),
  event: (b, into) => read(b, into),
  fallback: (request, text) => ({
    contentType: request.stream ? 'application/x-ndjson' : 'application/json',
    body: `${JSON.stringify({
      model: request.model ?? '',
      created_at: '1970-01-01T00:00:00Z',
      response: text,
      done: true,
      done_reason: 'stop',
      total_duration: 0,
      load_duration: 0,
      prompt_eval_count: 0,
      prompt_eval_duration: 0,
      eval_count: 0,
      eval_duration: 0,
    })}\n`,
  }),
  error: (code, message) => ollama.error(code, message),
  rewrite: (b, change) => {
    const system = typeof b['system'] === 'string' ? change.prompt(b['system']) : undefined
    if (system === undefined && (change.model === undefined || change.model === b['model'])) return undefined
    return { ...b, ...(system === undefined ? {} : { system }), ...(change.model === undefined ? {} : { model: change.model }) }
  },
}

const read: Protocol['answer'] = (b, into) => {
  into.model = string(b['model']) ?? into.model
  into.addText(b['response'])
  into.errorMessage = string(b['error']) ?? into.errorMessage
  if (b['done'] !== true) return
  into.inputTokens = tokens(b['prompt_eval_count'])
  into.outputTokens = tokens(b['eval_count'])
  into.addFinish(string(b['done_reason']) ?? 'stop')
  into.isComplete = into.isLast = true
}
