// The stages of a run, read from the state machines while the pages are built: their order is written there alone.

import { readFileSync } from 'node:fs';

type State = { Type: string; Next?: string; Default?: string; Choices?: { Next: string }[] };

/** Return the tasks on a machine's ordinary way: at a fork that is the first branch that was not gone yet. */
function way(machine: string, from?: string, until?: string): string[] {
  const path = new URL(`../statemachine/${machine}.asl.json`, import.meta.url);
  const { StartAt, States } = JSON.parse(readFileSync(path, 'utf8')) as {
    StartAt: string;
    States: Record<string, State>;
  };
  const gone: string[] = [];
  let name: string | undefined = from ?? StartAt;
  while (name && name !== until) {
    gone.push(name);
    const { Choices = [], Default, Next }: State = States[name] ?? { Type: '' };
    name = [...Choices.map((choice) => choice.Next), Default, Next].find((next) => next && !gone.includes(next));
  }
  return gone.filter((state) => States[state]?.Type === 'Task');
}

export const stages = {
  bringingUp: way('onboard_tenant'),
  undoing: way('onboard_tenant', 'RollBack', 'RecordFailure'),
  // Without HoldTenant: when it ends, the removal may begin, and nobody is told.
  takingDown: way('offboard_tenant').slice(1),
};
