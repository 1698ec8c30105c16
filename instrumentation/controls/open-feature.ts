/**
 * The controls as an OpenFeature provider, for applications that read flags and releases with the standard API:
 * `OpenFeature.setProvider('agentopz', createFlagProvider())`. Evaluates in process over the flag set that the guards use; no request per read.
 */
import type { EvaluationContext, JsonValue, Provider, ResolutionDetails } from '@openfeature/server-sdk'
import { OpenFeatureEventEmitter, ProviderEvents } from '@openfeature/server-sdk'
import { runtime } from '../runtime.ts'
import type { ControlClient } from './client.ts'

/** Builds the provider. Without a control plane every read gives its default. */
export function createFlagProvider(): Provider {
  const events = new OpenFeatureEventEmitter()
  const client = (): ControlClient | undefined => {
    const { controls } = runtime().guards
    // By its shape: an application may have a copy of this module of its own (in a bundle), the client is the one that was preloaded.
    return 'flags' in controls && 'subscribe' in controls ? (controls as ControlClient) : undefined
  }
  client()?.subscribe(() => events.emit(ProviderEvents.ConfigurationChanged))
  const resolve = async <T>(
    type: 'boolean' | 'string' | 'number' | 'object',
    key: string,
    byDefault: T,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<T>> => {
    const core = client()?.flags?.core
    if (core === undefined || core.getFlag(key) === undefined) return { value: byDefault, reason: 'DEFAULT' }
    return core.resolve(type, key, byDefault as never, context) as ResolutionDetails<T>
  }
  return {
    metadata: { name: 'agentopz' },
    runsOn: 'server',
    events,
    resolveBooleanEvaluation: async (key, byDefault, context) => resolve('boolean', key, byDefault, context),
    resolveStringEvaluation: async (key, byDefault, context) => resolve('string', key, byDefault, context),
    resolveNumberEvaluation: async (key, byDefault, context) => resolve('number', key, byDefault, context),
    resolveObjectEvaluation: async <T extends JsonValue>(key: string, byDefault: T, context: EvaluationContext) =>
      resolve('object', key, byDefault, context),
  }
}
