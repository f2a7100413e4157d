import { Link } from 'react-router';
import { useWords } from '../language/language.tsx';
import { usePage } from './page.ts';
import { Heading } from './parts.tsx';
import { uiWords } from './words.ts';

/** Say that the frontend does not have this path, within a site that is there. */
export function Missing() {
  const words = useWords(uiWords);
  const heading = usePage(words.missingTitle);
  return (
    <div className="whole">
      <main>
        <Heading at={heading}>{words.missingTitle}</Heading>
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
