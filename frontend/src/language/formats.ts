// Numbers and times as people of a language read them. Values in, text out.

import type { Language } from './language.tsx';

const LOCALE: Record<Language, string> = { es: 'es-CO', en: 'en-GB' };

/** Format an amount in hundredths of a currency. Hundredths are shown only if there are any. */
export function money(cents: number, currency: string, language: Language): string {
  const digits = cents % 100 === 0 ? 0 : 2;
  return new Intl.NumberFormat(LOCALE[language], {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(cents / 100);
}

export function quantity(value: number, language: Language): string {
  return new Intl.NumberFormat(LOCALE[language], { maximumFractionDigits: 3 }).format(value);
}

/** Format a moment, to the second, in this browser's time zone. */
export function moment(iso: string, language: Language): string {
  const options = { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' } as const;
  return new Intl.DateTimeFormat(LOCALE[language], options).format(new Date(iso));
}

/** Format a duration: tenths of a second below a minute, then minutes and seconds, then hours and minutes. */
export function duration(seconds: number, language: Language): string {
  if (seconds < 60) {
    const number = new Intl.NumberFormat(LOCALE[language], { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    return `${number.format(Math.floor(seconds * 10) / 10)} s`;
  }
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
