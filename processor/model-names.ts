/**
 * Names of providers and models as spans carry them → names as a price table has them. Exact names first, then with what gateways,
 * clouds and release dates put around them taken off; each further form is a weaker claim, so the first that matches wins.
 */

/** `gen_ai.provider.name` → provider id of the price table. */
const PROVIDER: Readonly<Record<string, string>> = {
  openai: 'openai',
  anthropic: 'anthropic',
  'aws.bedrock': 'aws',
  'azure.ai.openai': 'azure',
  'azure.ai.inference': 'azure',
  'gcp.gemini': 'google',
  'gcp.vertex_ai': 'google',
  'gcp.gen_ai': 'google',
  mistral_ai: 'mistral',
  x_ai: 'x-ai',
  deepseek: 'deepseek',
  groq: 'groq',
  cohere: 'cohere',
  perplexity: 'perplexity',
  openrouter: 'openrouter',
  together_ai: 'together',
  fireworks: 'fireworks',
  fireworks_ai: 'fireworks',
  cerebras: 'cerebras',
  moonshot_ai: 'moonshotai',
  hugging_face: 'huggingface_together',
  avian: 'avian',
  novita: 'novita',
}

/** Prefixes by which gateways (LiteLLM, Genkit, smolagents) name the provider inside the model. */
const PREFIX: Readonly<Record<string, string>> = {
  openai: 'openai',
  anthropic: 'anthropic',
  bedrock: 'aws',
  azure: 'azure',
  azure_ai: 'azure',
  vertex_ai: 'google',
  gemini: 'google',
  googleai: 'google',
  vertexai: 'google',
  google: 'google',
  mistral: 'mistral',
  mistralai: 'mistral',
  xai: 'x-ai',
  'x-ai': 'x-ai',
  deepseek: 'deepseek',
  groq: 'groq',
  cohere: 'cohere',
  openrouter: 'openrouter',
  perplexity: 'perplexity',
  together_ai: 'together',
  fireworks_ai: 'fireworks',
}

/** A place to look a price up; `provider` is undefined when only the model's own maker can tell. */
export interface Candidate {
  readonly provider: string | undefined
  readonly model: string
}

/** Model ids as Bedrock writes them, inference profiles with a region in front included. */
const BEDROCK =
  /^(?:(?:us|eu|apac|global|jp|au|us-gov)\.)?(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|qwen|openai|writer|stability)\.[\w.:-]+$/

/** What to try, best first; empty when the model cannot have a price (no model named, or a fine-tune of unknown rate). */
export function candidatesOf(provider: string, model: string): readonly Candidate[] {
  const name = stripPaths(model.trim())
  if (name === '' || name.startsWith('ft:')) return []
  const own = PROVIDER[provider]
  // A provider that no table knows (ollama, vllm, a company's own) sets its own prices: the model's name says nothing about them.
  if (provider !== '' && own === undefined) return []
  const forms = formsOf(name)
  const found: Candidate[] = []
  const slash = name.indexOf('/')
  const prefixed = slash > 0 ? PREFIX[name.slice(0, slash).toLowerCase()] : undefined
  if (own !== undefined) for (const form of forms) found.push({ provider: own, model: form })
  if (prefixed !== undefined && (own === undefined || own === prefixed || prefixed === 'aws')) {
    for (const form of formsOf(name.slice(slash + 1))) found.push({ provider: prefixed, model: form })
  }
  if (own === undefined && prefixed === undefined) {
    const maker = BEDROCK.test(name) ? 'aws' : undefined
    for (const form of forms) found.push({ provider: maker, model: form })
  }
  return found
}

/** A model's id out of Google's and Amazon's resource paths. */
function stripPaths(model: string): string {
  if (model.startsWith('arn:')) return model.slice(model.lastIndexOf('/') + 1)
  const path = /(?:^|\/)models\/([^/]+)$/.exec(model)
  return path?.[1] ?? model
}

/** The name itself, then without a release date that the table may not have yet. */
function formsOf(model: string): readonly string[] {
  const undated = model.replace(/@\d{8}$|[-@]20\d\d-?[01]\d-?[0-3]\d(?=$|-v\d|:)/, '')
  return undated === model || undated === '' ? [model] : [model, undated]
}
