import { afterEach, expect, test, vi } from 'vitest';
import { Problem } from '../http.ts';
import { follow } from './stream.ts';
import type { Progress } from './types.ts';

afterEach(() => vi.unstubAllGlobals());

const message = (id: number, event: string, stage: string) =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify({ tenant_id: 'granja', stage })}\n\n`;

/** A connection that sends these pieces and then ends, or breaks. */
function connection(pieces: string[], breaks = false): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      if (!breaks) controller.close();
    },
    pull(controller) {
      if (breaks) controller.error(new TypeError('network error'));
    },
  });
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
}

function watching(answers: (() => Response)[], after: string | null = null) {
  const asked: { path: string; headers: Headers }[] = [];
  vi.stubGlobal('fetch', async (path: string, request: { headers: Headers }) => {
    asked.push({ path, headers: request.headers });
    const next = answers.shift();
    if (!next) throw new TypeError('refused');
    return next();
  });
  const stages: (string | null)[] = [];
  const connected: boolean[] = [];
  const pauses: number[] = [];
  const stop = new AbortController();
  const ended = follow({
    tenantId: 'granja',
    token: 'the-token',
    after,
    signal: stop.signal,
    onProgress: (progress: Progress) => stages.push(progress.stage),
    onConnection: (is) => connected.push(is),
    pause: async (milliseconds) => {
      pauses.push(milliseconds);
      if (pauses.length > 8) stop.abort();
    },
  });
  return { ended, asked, stages, connected, pauses };
}

test('every message is told, however the bytes are cut, and `end` is the end', async () => {
  const whole = `: beat\n\n${message(1, 'progress', 'ClaimTenant')}${message(2, 'end', 'ActivateTenant')}`;
  const seen = watching([() => connection([...whole])], '2026-11-24T00:00:00Z#1');
  await seen.ended;
  expect(seen.stages).toEqual(['ClaimTenant', 'ActivateTenant']);
  expect(seen.asked).toHaveLength(1);
  expect(seen.asked[0]?.path).toBe('/api/tenants/granja/events?after=2026-11-24T00%3A00%3A00Z%231');
  expect(seen.asked[0]?.headers.get('Authorization')).toBe('Bearer the-token');
});

test('a broken connection is taken up again after the last message', async () => {
  const seen = watching([
    () => connection([message(7, 'progress', 'ClaimTenant')], true),
    () => connection([message(8, 'progress', 'AttachCname')]),
    () => connection([message(9, 'end', 'ActivateTenant')]),
  ]);
  await seen.ended;
  expect(seen.stages).toEqual(['ClaimTenant', 'AttachCname', 'ActivateTenant']);
  expect(seen.asked.map(({ headers }) => headers.get('Last-Event-ID'))).toEqual([null, '7', '8']);
  expect(seen.connected).not.toContain(false);
});

test('a server that stays away is asked less and less often, and the page is told', async () => {
  const seen = watching([]);
  await seen.ended;
  expect(seen.pauses.slice(0, 6)).toEqual([500, 1000, 2000, 5000, 10_000, 10_000]);
  expect(seen.connected).toContain(false);
});

test.each([401, 403, 404])('status %i is no reason to ask again', async (status) => {
  const seen = watching([() => new Response('{}', { status })]);
  await expect(seen.ended).rejects.toBeInstanceOf(Problem);
  expect(seen.asked).toHaveLength(1);
});

test('503 is', async () => {
  const seen = watching([() => new Response('{}', { status: 503 }), () => connection([message(1, 'end', 'x')])]);
  await seen.ended;
  expect(seen.stages).toEqual(['x']);
});
