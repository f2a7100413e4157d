import { useEffect, useState } from 'react';
import { duration } from '../language/formats.ts';
import { useLanguage, useWords } from '../language/language.tsx';
import { kindWords } from './marks.tsx';
import { secondsOf, secondsTogether, type TimelineStage, timeline } from './timeline.ts';
import type { Progress } from './types.ts';
import { panelWords } from './words.ts';

/** Return the time, ten times a second while something is running: the durations grow under one's eyes. */
function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

/** Show the stages of a run as they are now. */
export function Stages({ progress, connected }: { progress: Progress; connected: boolean }) {
  const words = useWords(panelWords);
  const language = useLanguage();
  const stages = timeline(progress);
  const running = stages.find((stage) => stage.state === 'running');
  const now = useNow(Boolean(running));
  const state = progress.state ? (words.states[progress.state] ?? progress.state) : '';
  const ended = stages.filter((stage) => stage.state === 'done').length;
  return (
    <section className="stages" aria-labelledby="progress" data-state={progress.state ?? undefined}>
      <div className="stages-head">
        <h2 id="progress">
          {kindWords(progress, words)}
          <RunNumber progress={progress} />
        </h2>
        <p className="state">
          {progress.ended ? null : <Connection connected={connected} />}
          {state}
        </p>
      </div>
      {/* The moving durations are for the eye; this says the same once per stage. */}
      <p className="hidden" role="status">
        {state}. {ended}/{stages.length}. {running ? (words.stages[running.name] ?? running.name) : ''}
      </p>
      {progress.state === 'WAITING' ? <p className="soft">{words.waiting}</p> : null}
      {stages.length === 0 && progress.state !== 'HELD' ? <p className="soft">{words.noRun}</p> : null}
      <ol>
        {stages.map((stage) => (
          <StageRow key={`${stage.name} ${stage.event}`} stage={stage} seconds={secondsOf(stage, now)} />
        ))}
      </ol>
      {progress.ended && stages.length > 0 ? (
        <p className="together">
          <span>{words.total}</span> <span className="amount">{duration(secondsTogether(stages), language)}</span>
        </p>
      ) : null}
    </section>
  );
}

/** Show none while a removal is held: the number on record is that of the run before. */
function RunNumber({ progress: { run, state } }: { progress: Progress }) {
  const words = useWords(panelWords);
  return run && state !== 'HELD' ? <span className="soft"> {words.run(run)}</span> : null;
}

function Connection({ connected }: { connected: boolean }) {
  const words = useWords(panelWords);
  if (connected) return <span className="live">{words.live}</span>;
  return (
    <span className="lost" role="status">
      {words.reconnecting}
    </span>
  );
}

function StageRow({ stage, seconds }: { stage: TimelineStage; seconds: number | null }) {
  const words = useWords(panelWords);
  const language = useLanguage();
  return (
    <li className={stage.state} data-stage={stage.name} data-state={stage.state}>
      <span className="dot" aria-hidden="true" />
      <span className="label">
        {words.stages[stage.name] ?? stage.name} <code>{stage.name}</code>
        <span className="hidden">, {words.stageStates[stage.state]}</span>
      </span>
      <span className="amount">{seconds === null ? '' : duration(seconds, language)}</span>
    </li>
  );
}
