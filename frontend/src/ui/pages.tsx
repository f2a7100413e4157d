// Whole pages that any face may need: nothing yet, no site here, paused, no answer.

import { type ReactNode, useEffect, useState } from 'react';
import { LanguageSwitch, useWords } from '../language/language.tsx';
import { usePage } from './page.ts';
import { uiWords } from './words.ts';

/** Says so only after a moment: most loads are over before. */
export function Loading() {
  const words = useWords(uiWords);
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 400);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p className="loading" role="status">
      {slow ? words.loading : ''}
    </p>
  );
}

function Whole({ sign, title, text, children }: { sign: string; title: string; text: string; children?: ReactNode }) {
  const heading = usePage(title);
  return (
    <div className="whole">
      <header>
        <LanguageSwitch />
      </header>
      <main>
        <p className="sign" aria-hidden="true">
          {sign}
        </p>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <p className="text">{text}</p>
        {children}
      </main>
    </div>
  );
}

export function UnknownSite() {
  const words = useWords(uiWords);
  return (
    <Whole sign="404" title={words.unknownTitle} text={words.unknownText}>
      <p className="address">{window.location.host}</p>
    </Whole>
  );
}

export function Suspended() {
  const words = useWords(uiWords);
  return (
    <Whole sign="❚❚" title={words.suspendedTitle} text={words.suspendedText}>
      <p className="address">{window.location.host}</p>
    </Whole>
  );
}

export function Unavailable() {
  const words = useWords(uiWords);
  return (
    <Whole sign="…" title={words.unavailableTitle} text={words.unavailableText}>
      <p>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          {words.retry}
        </button>
      </p>
    </Whole>
  );
}
