import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { mock } from './mock/plugin.ts';
import { stages } from './stages.ts';

// The mock answers in `vite` and `vite preview` only; nothing of it is in the build.

export default defineConfig({
  plugins: [react(), mock()],
  // One by one: a page gets the stages that it asks for, and no others.
  define: Object.fromEntries(Object.entries(stages).map(([run, names]) => [`STAGES.${run}`, JSON.stringify(names)])),
  // Without it Vite answers every unknown path with index.html itself, and the edge's own rule would never be tried.
  appType: 'mpa',
  build: {
    target: 'baseline-widely-available',
    // A strict Content-Security-Policy allows no data: URL for scripts, styles and fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { host: '127.0.0.1', strictPort: true },
  preview: { host: '127.0.0.1', strictPort: true },
  // Most need no DOM; the others say so in their first line.
  test: { environment: 'node', include: ['src/**/*.test.{ts,tsx}'] },
});
