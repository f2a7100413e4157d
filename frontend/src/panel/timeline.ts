// A run as a list of stages: those that the API has told, then those that are still to come. Values in, values out.

import type { Progress, Stage } from './types.ts';

export type TimelineStage = Omit<Stage, 'state'> & { state: Stage['state'] | 'coming' };

/**
 * Return the stages of a run in their order. What is to come is only shown while the run goes its ordinary way: after a
 * failure, or while it is being undone, nobody waits for the rest.
 */
export function timeline(progress: Progress): TimelineStage[] {
  const takesDown = progress.kind === 'offboard';
  const told = takesDown ? progress.stages : failedFirst(progress.stages);
  if (progress.state !== 'RUNNING' && progress.state !== 'WAITING') return told;
  return [...told, ...begun(progress, coming(told, takesDown ? STAGES.takingDown : STAGES.bringingUp))];
}

/**
 * Put what was undone after what failed. The API tells of a failure last, when all is undone, and when it was is not
 * on record: so it has no duration there.
 */
function failedFirst(stages: readonly Stage[]): Stage[] {
  const undone = stages.filter(({ name }) => STAGES.undoing.includes(name));
  if (undone.length === 0) return [...stages];
  const failed = stages.filter(({ state, name }) => state === 'failed' && !STAGES.undoing.includes(name));
  const before = stages.filter((stage) => !undone.includes(stage) && !failed.includes(stage));
  return [...before, ...failed.map((stage) => ({ ...stage, seconds: null })), ...undone];
}

/** Return what is to come after the furthest stage that was told: one that had nothing to do is not told of at all. */
function coming(told: readonly Stage[], plan: readonly string[]): TimelineStage[] {
  const furthest = Math.max(-1, ...told.map((stage) => plan.indexOf(stage.name)));
  return plan
    .slice(furthest + 1)
    .map((name) => ({ name, event: null, state: 'coming', started_at: null, seconds: null }));
}

/**
 * Between two stages the API tells of none that runs: what ended is on record, what follows is not yet. The states
 * stand in a straight line, so it is the next one, since the others' end.
 */
function begun(progress: Progress, [next, ...rest]: TimelineStage[]): TimelineStage[] {
  if (!next) return [];
  if (progress.state !== 'RUNNING' || progress.stages.some((stage) => stage.state === 'running'))
    return [next, ...rest];
  const since = progress.started_at && Date.parse(progress.started_at) + secondsTogether(progress.stages) * 1000;
  return [{ ...next, state: 'running', started_at: since ? new Date(since).toISOString() : null }, ...rest];
}

/** Return the newer of what was streamed and what was polled: once a run has ended, nothing more of it is streamed. */
export function newer(streamed: Progress | null, polled: Progress | null): Progress | null {
  if (!streamed || !polled) return streamed ?? polled;
  return streamed.ended && polled.ended && polled.run === streamed.run ? polled : streamed;
}

/** Return how long a stage has taken, or is taking; null for one that has not begun. now: milliseconds since 1970. */
export function secondsOf(stage: TimelineStage, now: number): number | null {
  if (stage.seconds !== null) return stage.seconds;
  if (stage.state !== 'running' || !stage.started_at) return null;
  return Math.max(0, (now - Date.parse(stage.started_at)) / 1000); // the server's clock may be ahead of this one
}

/** Return how long the stages that have ended took together. */
export function secondsTogether(stages: readonly TimelineStage[]): number {
  return stages.reduce((sum, stage) => sum + (stage.seconds ?? 0), 0);
}
