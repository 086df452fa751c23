import { defineConfig } from "vitest/config";

// Starting databases, importing orders and building the page take their time on a small machine.
export default defineConfig({
  test: { include: ["e2e/**/*.e2e.ts"], testTimeout: 60_000, hookTimeout: 300_000, fileParallelism: false },
});
