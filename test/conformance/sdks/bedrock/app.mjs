import * as sdk from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const api = { ...sdk, NodeHttpHandler }
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
