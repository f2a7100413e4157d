import type { ReactNode, RefObject } from 'react';

/** Show the heading of a page. at: the reference that `usePage` returns, which moves the focus here. */
export function Heading({ at, children }: { at: RefObject<HTMLHeadingElement | null>; children: ReactNode }) {
  return (
    <h1 ref={at} tabIndex={-1}>
      {children}
    </h1>
  );
}

/** Show a notice that is read out when it appears, a bad one at once; show nothing where there is nothing to say. */
export function Notice({ tone, children }: { tone?: 'bad' | 'warn'; children: ReactNode }) {
  if (!children) return null;
  return (
    <p className={tone ? `notice ${tone}` : 'notice'} role={tone === 'bad' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}
