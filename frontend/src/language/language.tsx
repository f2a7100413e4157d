// Spanish unless somebody has chosen English here. Each face keeps its words in a module of its own, so that a visitor
// of a shop does not load the panel's.

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';

export type Language = 'es' | 'en';
export type Words<T> = Record<Language, T>;

const KEY = 'fluxion.language';
const Context = createContext<{ language: Language; choose: (language: Language) => void }>({
  language: 'es',
  choose: () => {},
});

function remembered(): Language {
  try {
    return localStorage.getItem(KEY) === 'en' ? 'en' : 'es';
  } catch {
    return 'es'; // storage is forbidden here
  }
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(remembered);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const value = useMemo(() => {
    const choose = (chosen: Language) => {
      setLanguage(chosen);
      try {
        localStorage.setItem(KEY, chosen);
      } catch {
        // Then it is chosen for this visit only.
      }
    };
    return { language, choose };
  }, [language]);
  return <Context value={value}>{children}</Context>;
}

export function useLanguage(): Language {
  return useContext(Context).language;
}

/** Return the words of the chosen language. */
export function useWords<T>(words: Words<T>): T {
  return words[useLanguage()];
}

/** Show one button, labelled in the language that it switches to. */
export function LanguageSwitch() {
  const { language, choose } = useContext(Context);
  const other: Language = language === 'es' ? 'en' : 'es';
  return (
    <button type="button" className="language" lang={other} onClick={() => choose(other)}>
      {other === 'en' ? 'English' : 'Español'}
    </button>
  );
}
