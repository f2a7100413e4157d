// Asking the admin API from components: reading again and again, and asking for a change.

import { useCallback, useEffect, useRef, useState } from 'react';
import { ask, Problem, type Request } from '../http.ts';
import { useSession } from './session.tsx';

/** `ask` in the name of who is signed in; a refused token signs out. */
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

/**
 * What the API answers for a path, and again every `seconds` while the page is seen. An answer that fails leaves the
 * last good one standing, with the problem beside it. A path of null asks nothing.
 */
export function usePolled<T>(path: string | null, seconds: number) {
  const askApi = useAsk();
  const [state, setState] = useState<{ path: string | null; value: T | null; problem: Problem | null }>({
    path: null,
    value: null,
    problem: null,
  });
  const [round, setRound] = useState(0);
  const known = useRef('');

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` is what asks again
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      if (document.visibilityState === 'visible') {
        try {
          const value = await askApi<T>(path, { signal: stop.signal });
          const text = path + JSON.stringify(value);
          // The same answer again changes nothing: what somebody is reading does not flicker.
          if (text !== known.current) setState({ path, value, problem: null });
          else setState((before) => (before.problem ? { ...before, problem: null } : before));
          known.current = text;
        } catch (error) {
          if (stop.signal.aborted) return;
          const problem = error instanceof Problem ? error : new Problem(0);
          setState((before) => (before.path === path ? { ...before, problem } : { path, value: null, problem }));
          known.current = '';
        }
      }
      if (!stop.signal.aborted) timer = setTimeout(look, seconds * 1000);
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, seconds, askApi, round]);

  const again = useCallback(() => setRound((count) => count + 1), []);
  const current = state.path === path;
  return { value: current ? state.value : null, stale: state.value, problem: current ? state.problem : null, again };
}
