/** OTEL_TRACES_SAMPLER and its argument → a sampler; the SDK leaves the environment to sdk-node, which is not loaded here. */
import { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, type Sampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace'
import { sayOnce } from './log.ts'

/** The sampler the environment asks for; parent-based always-on by default. */
export function sampler(env: Readonly<Record<string, string | undefined>>): Sampler {
  const name = env['OTEL_TRACES_SAMPLER']?.trim() ?? ''
  const ratio = Number(env['OTEL_TRACES_SAMPLER_ARG'] ?? 1)
  const share = Number.isFinite(ratio) && ratio >= 0 && ratio <= 1 ? ratio : 1
  switch (name) {
    case '':
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(share)
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) })
    default:
      sayOnce('sampler', 'warn', `OTEL_TRACES_SAMPLER="${name}" is not known; parentbased_always_on is used`)
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
  }
}
