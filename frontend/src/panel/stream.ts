// A run's progress as server-sent events, read with fetch: EventSource cannot send the token in a header.

import { EventSourceParserStream } from 'eventsource-parser/stream';
import { Problem, problemOf, send, withQuery } from '../http.ts';
import type { Progress } from './types.ts';

export type Follow = {
  tenantId: string;
  token: string;
  /** From an answer to a change: the run to wait for is a newer one. */
  after: string | null;
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
  /** The connection is gone and will be tried again; true once it is back. */
  onConnection: (connected: boolean) => void;
  pause?: (milliseconds: number) => Promise<void>;
};

const PAUSES = [500, 1000, 2000, 5000, 10_000];

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/**
 * Follow a run until it has ended. A connection that breaks is taken up again where it was. Resolves at the end, and
 * when the signal aborts; throws Problem when asking again is no use: the token is not taken, there is no such tenant.
 */
export async function follow({ pause = sleep, ...options }: Follow): Promise<void> {
  const { signal, onConnection } = options;
  const at = { lastId: '' };
  let failures = 0;
  while (!signal.aborted) {
    const before = at.lastId;
    if (await tryToListen(options, at)) return;
    failures = at.lastId === before ? failures + 1 : 0;
    // The server ends a long stream now and then. Only if asking again does not help at once is it worth a word.
    if (failures > 1) onConnection(false);
    if (!signal.aborted) await pause(PAUSES[Math.min(failures, PAUSES.length) - 1] ?? 0);
  }
}

/** Return what `listen` does, where a connection that fails is one that has ended, unless asking again is no use. */
async function tryToListen(options: Omit<Follow, 'pause'>, at: { lastId: string }): Promise<boolean> {
  try {
    return await listen(options, at);
  } catch (error) {
    if (options.signal.aborted) return true;
    if (error instanceof Problem && error.status >= 400 && error.status < 500) throw error;
    return false;
  }
}

/** Read one connection to its end. True if the run has ended, false if only the connection has. */
async function listen(options: Omit<Follow, 'pause'>, at: { lastId: string }): Promise<boolean> {
  const { tenantId, token, after, signal, onProgress, onConnection } = options;
  const response = await send(withQuery(`/api/tenants/${encodeURIComponent(tenantId)}/events`, { after }), {
    token,
    signal,
    headers: { Accept: 'text/event-stream', ...(at.lastId ? { 'Last-Event-ID': at.lastId } : {}) },
  });
  if (!response.ok || !response.body) throw await problemOf(response);
  onConnection(true);
  const messages = response.body
    // The DOM's own types and Node's differ in what they call bytes.
    .pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array<ArrayBuffer>, string>)
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  for (;;) {
    const { done, value } = await messages.read();
    if (done) return false;
    if (signal.aborted) return true;
    if (value.id) at.lastId = value.id;
    if (value.event === 'progress' || value.event === 'end') onProgress(JSON.parse(value.data) as Progress);
    if (value.event === 'end') return true;
  }
}
