// Who is signed in, for the whole panel, and the one way to ask the API in their name.

import { createContext, useContext } from 'react';
import type { Me } from './types.ts';

export type Session = {
  me: Me;
  token: string;
  /** Forgets the token. expired: because the API no longer takes it, and not because the person wants to go. */
  signOut: (expired?: boolean) => void;
};

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('nobody is signed in here');
  return session;
}

/** Whether the person may change anything. Only what is shown depends on it: the API decides for itself. */
export function useMayChange(): boolean {
  return useSession().me.role === 'operator';
}
