// Whole pages that any face may need: nothing yet, no site here, paused, no answer.

import { type ReactNode, useEffect, useState } from 'react';
import { LanguageSwitch, useWords } from '../language/language.tsx';
import { usePage } from './page.ts';
import { Heading } from './parts.tsx';
import { uiWords } from './words.ts';

/** Say so only after a moment: most loads are over before. */
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
        <Heading at={heading}>{title}</Heading>
        <p className="text">{text}</p>
        {children}
      </main>
    </div>
  );
}

/** Say that there is no site at this address. */
export function UnknownSite() {
  return <AtAddress sign="404" of="unknown" />;
}

/** Say that the site at this address is paused. */
export function Suspended() {
  return <AtAddress sign="❚❚" of="suspended" />;
}

function AtAddress({ sign, of }: { sign: string; of: 'unknown' | 'suspended' }) {
  const words = useWords(uiWords);
  return (
    <Whole sign={sign} title={words[`${of}Title`]} text={words[`${of}Text`]}>
      <p className="address">{window.location.host}</p>
    </Whole>
  );
}

/** Say that there is no answer, and offers to try again. */
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
