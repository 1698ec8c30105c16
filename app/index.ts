/** @module agentopz: the processor as a library. */
export { type App, type AppOptions, createApp, VERSION } from './app.ts'
export { DEFAULT_CONFIG, type Loaded, loadConfig, parseConfig } from './config.ts'
export type { Config } from './config-schema.ts'
export { createLog, type Logger } from './log.ts'
