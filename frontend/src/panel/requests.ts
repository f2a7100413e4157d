// Asking the admin API from components: reading again and again, and asking for a change.

import { useCallback, useEffect, useRef, useState } from 'react';
import { ask, Problem, type Request } from '../http.ts';
import { useSession } from './session.tsx';

/** Return `ask` in the name of who is signed in; a refused token signs out. */
export function useAsk(): <T>(path: string, request?: Request) => Promise<T> {
  const { token, signOut } = useSession();
  return useCallback(
    async <T>(path: string, request?: Request) => {
      try {
        return await ask<T>(path, { ...request, token });
      } catch (error) {
        if (error instanceof Problem && error.status === 401) signOut(true);
        throw error;
      }
    },
    [token, signOut],
  );
}

type Polled<T> = { path: string; value: T | null; problem: Problem | null };

/** Return the state after another answer. The same answer again is the same state: what somebody is reading does not flicker. */
function answered<T>(before: Polled<T>, path: string, value: T): Polled<T> {
  const same = before.path === path && !before.problem && JSON.stringify(before.value) === JSON.stringify(value);
  return same ? before : { path, value, problem: null };
}

/** Return the state after a failure: the last good answer for the path stands, with the problem beside it. */
function failed<T>(before: Polled<T>, path: string, error: unknown): Polled<T> {
  const problem = error instanceof Problem ? error : new Problem(0);
  return { path, value: before.path === path ? before.value : null, problem };
}

/**
 * Ask the API for a path, and again every `seconds` while the page is seen.
 *
 * value: the last answer for this path, null before the first. stale: the last answer for any path. again: asks now.
 */
export function usePolled<T>(path: string, seconds: number) {
  const askApi = useAsk();
  const [state, setState] = useState<Polled<T>>({ path, value: null, problem: null });
  const lookNow = useRef(() => {});

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    let turn = 0; // an answer that a later look has overtaken is dropped
    const look = async () => {
      clearTimeout(timer);
      turn += 1;
      const mine = turn;
      const keep = (next: (before: Polled<T>) => Polled<T>) => {
        if (stop.signal.aborted || mine !== turn) return;
        setState(next);
        timer = setTimeout(lookIfSeen, seconds * 1000);
      };
      try {
        const value = await askApi<T>(path, { signal: stop.signal });
        keep((before) => answered(before, path, value));
      } catch (error) {
        keep((before) => failed(before, path, error));
      }
    };
    const lookIfSeen = () => {
      if (document.visibilityState === 'visible') void look();
      else timer = setTimeout(lookIfSeen, seconds * 1000);
    };
    lookNow.current = () => void look();
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, seconds, askApi]);

  const again = useCallback(() => lookNow.current(), []);
  const current = state.path === path;
  return { value: current ? state.value : null, stale: state.value, problem: current ? state.problem : null, again };
}

/** Make a change that a person has asked for, and tell whether it is on its way, and what went wrong with the last one. */
export function useAttempt() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  async function attempt(change: () => Promise<void>): Promise<boolean> {
    setBusy(true);
    setProblem(null);
    try {
      await change();
      return true;
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0));
      return false;
    } finally {
      setBusy(false);
    }
  }
  return { busy, problem, attempt };
}
