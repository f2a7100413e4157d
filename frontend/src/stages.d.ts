/** Names of states in the order of a run: vite.config.ts puts them in, as stages.ts has read them. */
declare const STAGES: typeof import('../stages.ts').stages;
