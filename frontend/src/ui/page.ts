import { type RefObject, useEffect, useRef } from 'react';

let shown = 0;

/**
 * Give the document its title, and moves the focus to the page's heading when the visitor has come from another page
 * of this site: a screen reader would not notice otherwise. Put the ref on an <h1 tabIndex={-1}>.
 */
export function usePage(title: string): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    // Not on the first page of a visit: there the browser begins at the top by itself.
    if (shown > 0) {
      window.scrollTo(0, 0);
      heading.current?.focus({ preventScroll: true });
    }
    return () => {
      shown += 1;
    };
  }, []);
  return heading;
}
