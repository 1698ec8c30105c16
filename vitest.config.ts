import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      // None takes more than two seconds alone; beside other work on two cores some take five.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/scenarios/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'fault',
          include: ['test/fault/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      { test: { name: 'smoke', include: ['test/smoke/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 } },
    ],
  },
})
