/** LangChain.js and LangGraph, ES modules. */
import { ChatAnthropic } from '@langchain/anthropic'
import { SimpleChatModel } from '@langchain/core/language_models/chat_models'
import { AIMessageChunk } from '@langchain/core/messages'
import { StringOutputParser } from '@langchain/core/output_parsers'
import { ChatGenerationChunk } from '@langchain/core/outputs'
import { ChatPromptTemplate } from '@langchain/core/prompts'
import { BaseRetriever } from '@langchain/core/retrievers'
import { RunnableLambda, RunnablePassthrough } from '@langchain/core/runnables'
import { StructuredTool } from '@langchain/core/tools'
import * as graph from '@langchain/langgraph'
import { ToolNode } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { createAgent, createMiddleware, providerStrategy, tool } from 'langchain'
import { z } from 'zod'
import { runProgram } from '../../shared/program.mjs'
import { guard, scenarios } from './scenarios.mjs'

const core = {
  SimpleChatModel,
  AIMessageChunk,
  ChatGenerationChunk,
  StringOutputParser,
  ChatPromptTemplate,
  BaseRetriever,
  RunnableLambda,
  RunnablePassthrough,
  StructuredTool,
}
const api = {
  ...core,
  ...graph,
  ToolNode,
  ChatAnthropic,
  ChatOpenAI,
  OpenAI,
  OpenAIEmbeddings,
  createAgent,
  createMiddleware,
  providerStrategy,
  tool,
  z,
}
await runProgram({ scenarios: scenarios(api), guard: guard(api) })
