// Small things that several pages show: a tenant's status, an operation in words.

import { useWords } from '../language/language.tsx';
import type { Progress, TenantRow } from './types.ts';
import { panelWords } from './words.ts';

const TONE: Record<string, string> = {
  ACTIVE: 'good',
  SUSPENDED: 'warn',
  PENDING: 'busy',
  NOT_SEEN: 'busy',
  FAILED: 'bad',
  ROLLBACK_INCOMPLETE: 'bad',
  OFFBOARDING: 'warn',
  OFFBOARDED: 'idle',
};

/** Show what visitors get. The name that the console and the records use stands beside it for who hovers, and in search. */
export function StatusMark({ status }: { status: string }) {
  const words = useWords(panelWords);
  return (
    <span className={`mark ${TONE[status] ?? 'idle'}`} title={status} data-status={status}>
      {words.statuses[status] ?? status}
    </span>
  );
}

/** Say what the control plane is doing; nothing when it has done what was asked. */
export function OperationWords({ row: { operation, due_for } }: { row: Pick<TenantRow, 'operation' | 'due_for'> }) {
  const words = useWords(panelWords);
  if (!operation || operation.state === 'SUCCEEDED') return null;
  const kind = words.kinds[operation.kind] ?? operation.kind;
  const waitsForPerson = operation.state === 'HELD' && due_for === 'confirmation';
  const state = words.states[waitsForPerson ? 'CONFIRMATION' : operation.state] ?? operation.state;
  const bad = operation.state === 'FAILED' || operation.state === 'STALLED' || waitsForPerson;
  return (
    <span className={bad ? 'doing bad' : 'doing'}>
      {kind}: {state.toLowerCase()}
      {operation.state === 'RUNNING' && operation.stage ? (
        <>
          , <span title={operation.stage}>{(words.stages[operation.stage] ?? operation.stage).toLowerCase()}</span>
        </>
      ) : null}
    </span>
  );
}

export function kindWords(progress: Progress, words: (typeof panelWords)['es']): string {
  return progress.kind ? (words.kinds[progress.kind] ?? progress.kind) : words.progress;
}
