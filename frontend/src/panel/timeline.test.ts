import { expect, test } from 'vitest';
import { newer, secondsOf, secondsTogether, timeline } from './timeline.ts';
import type { Progress, Stage } from './types.ts';

const done = (name: string, seconds = 1): Stage => ({ name, event: 'E', state: 'done', started_at: null, seconds });
const running = (name: string, started_at = '2026-11-24T00:00:00Z'): Stage => ({
  name,
  event: null,
  state: 'running',
  started_at,
  seconds: null,
});

const progress = (more: Partial<Progress>): Progress => ({
  tenant_id: 'granja',
  status: 'PENDING',
  run: '1.1',
  kind: 'onboard',
  state: 'RUNNING',
  stage: null,
  stages: [],
  started_at: null,
  last_error: null,
  ended: false,
  url: 'https://granja.fluxionia.co/',
  ...more,
});

const shown = (more: Partial<Progress>) => timeline(progress(more)).map(({ name, state }) => `${name} ${state}`);

test('the order is that of the state machines', () => {
  expect(STAGES.bringingUp.slice(0, 2)).toEqual(['ClaimTenant', 'AttachCname']);
  expect(STAGES.bringingUp.at(-1)).toBe('ActivateTenant');
  expect(STAGES.undoing).toEqual(['RollBack', 'DiscardDatabase', 'DeleteDnsRecords', 'DetachCname']);
  expect([STAGES.takingDown[0], STAGES.takingDown.at(-1)]).toEqual(['DeleteDnsRecords', 'ReleaseHostname']);
});

test('a run that goes its way shows what is still to come', () => {
  expect(shown({ stages: [done('ClaimTenant'), running('AttachCname')] })).toEqual([
    'ClaimTenant done',
    'AttachCname running',
    ...STAGES.bringingUp.slice(2).map((name) => `${name} coming`),
  ]);
});

test('between two stages the next one runs, since the others have ended', () => {
  const started_at = '2026-11-24T00:00:00.000Z';
  const stages = timeline(progress({ started_at, stages: [done('ClaimTenant', 0.5), done('AttachCname', 2)] }));
  expect(stages[2]).toMatchObject({
    name: 'CreateDnsRecords',
    state: 'running',
    started_at: '2026-11-24T00:00:02.500Z',
  });
  expect(stages[3]).toMatchObject({ name: STAGES.bringingUp[3], state: 'coming' });
  expect(shown({ stages: [done('ClaimTenant')], started_at: null })[1]).toBe('AttachCname running');
});

test('a run that nobody has begun yet shows all of it', () => {
  expect(shown({ state: 'WAITING', kind: null })).toHaveLength(STAGES.bringingUp.length);
});

test('a stage out of the plan stands where it was told', () => {
  const names = shown({
    kind: 'suspend',
    stages: [done('ClaimTenant'), done('SuspendTenant'), running('AttachCname')],
  });
  expect(names.slice(0, 4)).toEqual([
    'ClaimTenant done',
    'SuspendTenant done',
    'AttachCname running',
    'CreateDnsRecords coming',
  ]);
});

test('what is streamed counts while the run lasts, and what is polled once it has ended', () => {
  const live = progress({ state: 'RUNNING' });
  const polled = progress({ state: 'RUNNING', stages: [done('ClaimTenant')] });
  expect(newer(live, polled)).toBe(live);
  const end = progress({ state: 'SUCCEEDED', ended: true });
  expect(newer(end, polled)).toBe(end);
  const later = progress({ state: 'SUCCEEDED', ended: true, status: 'ACTIVE' });
  expect(newer(end, later)).toBe(later);
  expect(newer(end, { ...later, run: '0.9' })).toBe(end);
  expect(newer(null, polled)).toBe(polled);
  expect(newer(end, null)).toBe(end);
});

test('a removal has stages of its own', () => {
  expect(shown({ kind: 'offboard', stages: [running('DeleteDnsRecords')] })).toEqual([
    'DeleteDnsRecords running',
    ...STAGES.takingDown.slice(1).map((name) => `${name} coming`),
  ]);
});

test('what failed comes before what was then undone, and its duration is not known', () => {
  const failed: Stage = { ...done('CreateDnsRecords', 0.1), state: 'failed' };
  const stages = [done('ClaimTenant'), done('AttachCname'), done('DetachCname'), failed];
  expect(shown({ state: 'FAILED', stages })).toEqual([
    'ClaimTenant done',
    'AttachCname done',
    'CreateDnsRecords failed',
    'DetachCname done',
  ]);
  const [, , third] = timeline(progress({ state: 'FAILED', stages }));
  expect(third?.seconds).toBeNull();
  expect(timeline(progress({ state: 'FAILED', stages: [done('ClaimTenant'), failed] })).at(-1)?.seconds).toBe(0.1);
});

test.each(['FAILED', 'STALLED', 'ROLLING_BACK', 'SUCCEEDED'] as const)('nothing is to come when it is %s', (state) => {
  expect(shown({ state, stages: [done('ClaimTenant')] })).toEqual(['ClaimTenant done']);
});

test('a running stage is timed by its beginning, never below zero; one to come is not timed', () => {
  const at = Date.parse('2026-11-24T00:00:03.500Z');
  expect(secondsOf(running('X'), at)).toBe(3.5);
  expect(secondsOf(running('X', '2026-11-24T00:01:00Z'), at)).toBe(0);
  expect(secondsOf(done('X', 2.25), at)).toBe(2.25);
  expect(secondsOf({ ...running('X'), state: 'coming' }, at)).toBeNull();
  expect(secondsTogether([done('X', 1.5), done('Y', 2), running('Z')])).toBe(3.5);
});
