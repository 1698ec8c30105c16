/** Vercel AI SDK 5, ES modules. */
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import * as ai from 'ai'
import { z } from 'zod'
import { guard, scenarios } from '../../shared/ai.mjs'
import { runProgram } from '../../shared/program.mjs'

const api = { ai, createAnthropic, createOpenAI, z }
await runProgram({ scenarios: scenarios(api, 5), guard: guard(api, 5) })
