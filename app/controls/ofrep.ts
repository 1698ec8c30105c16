/**
 * The flag set, evaluated for whoever asks over the OpenFeature Remote Evaluation Protocol: context in, value with variant, reason and
 * metadata out. Evaluation is flagd's own (flagd-core), over the same document that guards read, so both come to the same answer.
 */
import { FlagdCore } from '@openfeature/flagd-core'
import type { EvaluationContext, JsonValue, Logger } from '@openfeature/core'
import { contentHash } from '../../control/canonical.ts'
import type { FlagDocument } from './plane.ts'

export interface EvaluatedFlag {
  readonly key: string
  readonly value: JsonValue
  readonly reason: string
  readonly variant?: string
  readonly metadata: object
}
export interface FailedFlag {
  readonly key: string
  readonly errorCode: string
  readonly errorDetails?: string
}

/** Evaluates the newest document it was given; making it ready costs once per version. */
export class Ofrep {
  #core: FlagdCore | undefined
  #version = ''

  /** Every flag, and the ETag of the answer: it is about this context only. */
  all(document: FlagDocument, context: EvaluationContext): { readonly flags: readonly EvaluatedFlag[]; readonly etag: string } {
    const flags = this.#at(document)
      .resolveAll(context)
      .map((f) => success(f.flagKey, f))
    return { flags, etag: contentHash([this.#version, context]).slice(0, 16) }
  }

  one(document: FlagDocument, key: string, context: EvaluationContext): EvaluatedFlag | FailedFlag {
    const flag = this.#at(document).getFlag(key)
    if (flag === undefined) return { key, errorCode: 'FLAG_NOT_FOUND', errorDetails: `no control or limit has a flag "${key}"` }
    const result = flag.evaluate(context)
    if (result.value === undefined)
      return {
        key,
        errorCode: result.errorCode ?? 'GENERAL',
        ...(result.errorMessage === undefined ? {} : { errorDetails: result.errorMessage }),
      }
    return success(key, { ...result, value: result.value })
  }

  #at(document: FlagDocument): FlagdCore {
    const { version } = document.set.metadata
    if (this.#core === undefined || version !== this.#version) {
      // Interpreted: names of agents come from outside, and compiling would make code of them.
      this.#core = new FlagdCore(undefined, SILENT, { disableDynamicCodeGeneration: true })
      this.#core.setConfigurations(document.json)
      this.#version = version
    }
    return this.#core
  }
}

function success(
  key: string,
  r: { readonly value: JsonValue; readonly reason?: string; readonly variant?: string; readonly flagMetadata?: object },
): EvaluatedFlag {
  return {
    key,
    value: r.value,
    reason: r.reason ?? 'UNKNOWN',
    ...(r.variant === undefined ? {} : { variant: r.variant }),
    metadata: r.flagMetadata ?? {},
  }
}

/** What is wrong is in the answer. */
const SILENT: Logger = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined }
