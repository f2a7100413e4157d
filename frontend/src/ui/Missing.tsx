import { Link } from 'react-router';
import { useWords } from '../language/language.tsx';
import { usePage } from './page.ts';
import { uiWords } from './words.ts';

/** A path that the frontend does not have, within a site that is there. */
export function Missing() {
  const words = useWords(uiWords);
  const heading = usePage(words.missingTitle);
  return (
    <div className="whole">
      <main>
        <h1 ref={heading} tabIndex={-1}>
          {words.missingTitle}
        </h1>
        <p className="text">{words.missingText}</p>
        <p>
          <Link className="button" to="/">
            {words.home}
          </Link>
        </p>
      </main>
    </div>
  );
}
