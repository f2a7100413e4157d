import { useState } from 'react';
import { withQuery } from '../http.ts';
import { moment } from '../language/formats.ts';
import { useLanguage, useWords } from '../language/language.tsx';
import { useAsk } from './requests.ts';
import type { HistoryEntry, Page } from './types.ts';
import { type PanelWords, panelWords } from './words.ts';

const idOf = (entry: HistoryEntry) => entry.event_id ?? `${entry.run} ${entry.event} ${entry.at}`;

/** Return the newest first, without those that are there twice: pages that were read at different times overlap. */
export function merged(newest: HistoryEntry[], older: HistoryEntry[]): HistoryEntry[] {
  const known = new Set(newest.map(idOf));
  const all = [...newest, ...older.filter((entry) => !known.has(idOf(entry)))];
  return all.sort((one, other) => (one.at < other.at ? 1 : one.at > other.at ? -1 : 0));
}

const FIRST = 20; // what the page of a tenant tells without being asked

export function History({ tenantId, newest }: { tenantId: string; newest: HistoryEntry[] }) {
  const words = useWords(panelWords);
  const ask = useAsk();
  const [older, setOlder] = useState<HistoryEntry[]>([]);
  const [cursor, setCursor] = useState<string | null | undefined>(undefined); // undefined: not asked yet
  const [failed, setFailed] = useState(false);
  const entries = merged(newest, older);
  const more = cursor === undefined ? newest.length >= FIRST : cursor !== null;

  async function load() {
    setFailed(false);
    try {
      const path = withQuery(`/api/tenants/${encodeURIComponent(tenantId)}/history`, { limit: 50, cursor });
      const page = await ask<Page<HistoryEntry>>(path);
      setOlder((before) => merged(before, page.items));
      setCursor(page.next);
    } catch {
      setFailed(true);
    }
  }

  return (
    <section className="history" aria-labelledby="history">
      <h2 id="history">{words.history}</h2>
      {entries.length === 0 ? <p className="soft">{words.noHistory}</p> : null}
      <ol>
        {entries.map((entry) => (
          <Entry key={idOf(entry)} entry={entry} />
        ))}
      </ol>
      {failed ? (
        <p className="notice warn" role="alert">
          {words.unavailable}
        </p>
      ) : null}
      {more ? (
        <button type="button" className="button quiet" onClick={load}>
          {words.older}
        </button>
      ) : null}
    </section>
  );
}

function text(field: string, value: unknown, words: PanelWords): string {
  if (value === null || value === undefined || value === '') return words.none;
  if (typeof value === 'object') return JSON.stringify(value);
  const names = { tier: words.tiers, desired_state: words.desired }[field];
  return names?.[String(value)] ?? String(value);
}

function Entry({ entry }: { entry: HistoryEntry }) {
  const words = useWords(panelWords);
  const language = useLanguage();
  const spanish = language === 'es';
  const changes = Object.entries(entry.changed);
  return (
    <li className={entry.code ? 'bad' : undefined}>
      <p className="what">
        <b>{words.events[entry.event] ?? entry.event}</b> <code>{entry.event}</code>{' '}
        <span className="soft">{words.run(entry.run)}</span>
        {entry.requested_by ? <span className="soft">, {entry.requested_by}</span> : null}
      </p>
      <time className="soft" dateTime={entry.at}>
        {moment(entry.at, language)}
      </time>
      {changes.length > 0 ? (
        <ul>
          {changes.map(([field, { before, after }]) => (
            <li key={field}>
              {words.fields[field] ?? <code>{field}</code>}:{' '}
              <span>
                <span className="hidden">{words.from} </span>
                {text(field, before, words)} → <span className="hidden">{words.to} </span>
                {text(field, after, words)}
              </span>
            </li>
          ))}
        </ul>
      ) : null}
      {entry.found.length > 0 ? (
        <ul>
          {entry.found.map(({ kind, where, what, repair }) => (
            <li key={`${kind} ${what}`}>
              {words.systems[where] ?? where}: {words.drift[kind] ?? kind} <code>{what}</code>
              {entry.event === 'DriftDetected' ? (
                <span className="soft">, {words.repairs[repair] ?? repair}</span>
              ) : null}
            </li>
          ))}
        </ul>
      ) : null}
      {entry.code ? (
        <p>
          {spanish ? entry.es?.cause : null}{' '}
          <span lang="en" className={spanish ? 'soft' : undefined}>
            <code>{entry.code}</code> {entry.message}
          </span>
        </p>
      ) : null}
    </li>
  );
}
