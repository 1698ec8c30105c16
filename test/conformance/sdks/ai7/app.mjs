/** Vercel AI SDK 7, ES modules. */
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { OpenTelemetry } from '@ai-sdk/otel'
import * as ai from 'ai'
import { z } from 'zod'
import { guard, scenarios } from '../../shared/ai.mjs'
import { runProgram } from '../../shared/program.mjs'

const api = { ai, createAnthropic, createOpenAI, OpenTelemetry, z }
await runProgram({ scenarios: scenarios(api, 7), guard: guard(api, 7) })
