/**
 * Provider and model names as telemetry has them → names to look up in a price table, most exact first.
 * A name is only ever made less specific (a prefix, a region path, a snapshot date taken off), never turned into another model;
 * what cannot be told (an opaque deployment, an open-weights model on an unknown host) stays unknown.
 * Source: gen_ai.provider.name of semantic-conventions-genai; LiteLLM, OpenRouter, Bedrock and Vertex model naming.
 */

/** One place to look: the table's provider id and a model name, lower case. */
export interface Lookup {
  readonly provider: string
  readonly model: string
}

/** The table's provider ids, with `gen_ai.provider.name` values and gateways' prefixes that mean them. */
const SPELLINGS: Readonly<Record<string, string>> = {
  openai: 'openai',
  anthropic: 'anthropic',
  cohere: 'cohere cohere_chat',
  deepseek: 'deepseek',
  groq: 'groq',
  perplexity: 'perplexity',
  cerebras: 'cerebras',
  openrouter: 'openrouter',
  novita: 'novita',
  avian: 'avian',
  minimax: 'minimax',
  baseten: 'baseten',
  zai: 'zai z-ai',
  voyageai: 'voyageai voyage',
  aws: 'aws.bedrock bedrock bedrock_converse amazon-bedrock aws',
  azure: 'azure.ai.openai azure.ai.inference azure azure_ai',
  google:
    'gcp.gemini gcp.gen_ai gcp.vertex_ai vertex_ai vertexai googleai gemini google google-vertex google-gla google_vertexai google_genai',
  mistral: 'mistral_ai mistralai mistral',
  moonshotai: 'moonshot_ai moonshotai moonshot',
  'x-ai': 'x_ai xai x-ai',
  together: 'together together_ai togetherai together-ai',
  fireworks: 'fireworks fireworks_ai',
}
/** A Map, because names come from the wire: `constructor` is no provider. */
const PROVIDER_ID = new Map(Object.entries(SPELLINGS).flatMap(([id, words]) => words.split(' ').map((word) => [word, id] as const)))

/** Not the host: a proxy, or nothing at all. The model's name decides. */
const GATEWAYS = new Set([
  '',
  'litellm',
  'gateway',
  'ai-gateway',
  'vercel',
  'portkey',
  'helicone',
  'openai-compatible',
  'unknown',
  '_other',
])

/** Wire formats that other makers' endpoints speak too: `openai` may be Gemini or DeepSeek behind OpenAI's SDK. */
const FLAVOURS = new Set(['openai', 'anthropic', 'openrouter'])

/** Families that only their maker's name fits. Open weights (gpt-oss, Llama, DeepSeek-R1, Mixtral …) have many hosts and are left out. */
const MAKERS: readonly (readonly [RegExp, string])[] = [
  [/^claude-/, 'anthropic'],
  [/^(gpt-(?!oss)|chatgpt-|o[134](-|$)|text-embedding-(3|ada)|codex-mini)/, 'openai'],
  [/^gemini-/, 'google'],
  [/^grok-[2-9]/, 'x-ai'],
  [/^deepseek-(chat|reasoner)$/, 'deepseek'],
  [/^(mistral-(large|medium|embed)|codestral-|magistral-medium)/, 'mistral'],
  [/^command-(a|r)/, 'cohere'],
  [/^sonar(-|$)/, 'perplexity'],
  [/^(us|eu|apac|global|jp|au|us-gov)\.[a-z0-9]+\.|^(anthropic|amazon)\.[a-z]/, 'aws'],
]

/** The price table's id for a provider name, or `undefined` for a gateway or a host the table has no prices of. */
export function providerId(name: string): string | undefined {
  return PROVIDER_ID.get(name.trim().toLowerCase())
}

function lastPart(model: string): string {
  return model.slice(model.lastIndexOf('/') + 1)
}

/** True for names that carry no model: ARNs of opaque profiles, UUIDs, hex ids. The requested model then says more. */
export function isOpaque(model: string): boolean {
  const name = lastPart(model.toLowerCase())
  return /^arn:|\/endpoints\//.test(model) ? !/[a-z]\.[a-z]/.test(name) : /^[0-9a-f]{8}-[0-9a-f]{4}-|^[0-9a-f]{12,}$|^\d+$/.test(name)
}

/** A fine-tune has its own price: no snapshot or prefix rule may lead it to the base model. */
function isFineTune(model: string): boolean {
  return model.startsWith('ft:') || model.includes('.ft-') || model.includes(':ft-')
}

/** `litellm/x`, `bedrock/eu-west-1/x`, `openai:x` → the host named in the prefix and the rest. */
function splitPrefix(model: string): Lookup | undefined {
  const at = model.search(/[/:]/)
  if (at <= 0) return undefined
  const head = model.slice(0, at)
  const rest = model.slice(at + 1).replace(/^(responses|converse|invoke)\//, '')
  if (head === 'litellm' || head === 'litellm_proxy') return splitPrefix(rest)
  const provider = PROVIDER_ID.get(head)
  if (provider === undefined || rest === '') return undefined
  return { provider, model: provider === 'aws' ? lastPart(rest) : rest }
}

/** Less and less specific names of one model on one host. */
function namesOf(model: string): readonly string[] {
  if (isFineTune(model)) return [model]
  // Vertex and Gemini resource paths, Bedrock ARNs.
  const bare = /^(arn:|projects\/|publishers\/|models\/)/.test(model) ? lastPart(model) : model
  const dashed = bare.replace(/@(default|latest)$/, '').replace(/@(20\d{6})$/, '-$1')
  // A snapshot newer than the table: same family, same price until the table says otherwise.
  const undated = dashed.replace(/-20\d{2}-?\d{2}-?\d{2}$/, '').replace(/-00\d$/, '')
  return [...new Set([model, bare, dashed, undated])].filter((name) => name !== '')
}

/** The one maker a model name can be of, or `undefined`. */
function makerOf(model: string): string | undefined {
  const names = namesOf(model)
  return MAKERS.find(([family]) => names.some((name) => family.test(name)))?.[1]
}

/** True when the host's own prices are all there is to it: neither a proxy nor a wire format that others speak. */
function isFinal(host: string | undefined, provider: string): boolean {
  return host === undefined ? !GATEWAYS.has(provider.trim().toLowerCase()) : !FLAVOURS.has(host)
}

/** Where to look for the price of a model, in order. Empty when the host's prices are in no table or cannot be told. */
export function lookups(provider: string, rawModel: string): readonly Lookup[] {
  const model = rawModel.trim().toLowerCase()
  const prefix = splitPrefix(model)
  const host = providerId(provider)
  const places: Lookup[] = []
  if (host !== undefined) places.push({ provider: host, model })
  if (host !== undefined && prefix?.provider === host) places.push(prefix)
  if (!isFinal(host, provider)) {
    if (prefix !== undefined) places.push(prefix)
    const inner = prefix?.model ?? model
    const maker = prefix === undefined || FLAVOURS.has(prefix.provider) ? makerOf(inner) : undefined
    if (maker !== undefined) places.push({ provider: maker, model: inner })
  }
  // Open weights are not served at the price the table has under `openai`: a compatible server asks its own.
  return places
    .filter((p) => p.provider !== 'openai' || !p.model.includes('gpt-oss'))
    .flatMap((p) => namesOf(p.model).map((name) => ({ provider: p.provider, model: name })))
}

/** Names by which an override or alias may call the model: as told, without prefix and path, without snapshot date. */
export function spokenNames(rawModel: string): readonly string[] {
  const model = rawModel.trim().toLowerCase()
  const prefix = splitPrefix(model)
  return [...new Set([...namesOf(model), ...(prefix === undefined ? [] : namesOf(prefix.model))])]
}

const CLAUDE = /claude-[a-z]+-(\d+)(?:[-.](\d{1,2}))?(?!\d)/

/**
 * False when the table matched by prefix a model of another version: `claude-sonnet-5-5` starts with `claude-sonnet-5`
 * but is not it, and has its own price once the table knows it.
 */
export function sameVersion(asked: string, id: string): boolean {
  const a = CLAUDE.exec(asked)
  const b = CLAUDE.exec(id)
  if (a === null || b === null) return true
  return a[1] === b[1] && Number(a[2] ?? 0) === Number(b[2] ?? 0)
}
