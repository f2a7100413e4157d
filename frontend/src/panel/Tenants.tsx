import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { withQuery } from '../http.ts';
import { moment } from '../language/formats.ts';
import { useLanguage, useWords } from '../language/language.tsx';
import { usePage } from '../ui/page.ts';
import { Heading, Notice } from '../ui/parts.tsx';
import { OperationWords, StatusMark } from './marks.tsx';
import { usePolled } from './requests.ts';
import { useMayChange } from './session.tsx';
import type { Page, TenantRow } from './types.ts';
import { panelWords } from './words.ts';

const SECONDS = 2;
const ROWS = 50;
const STATUSES = ['ACTIVE', 'PENDING', 'SUSPENDED', 'FAILED', 'ROLLBACK_INCOMPLETE', 'NOT_SEEN'];
const STATES = ['RUNNING', 'ROLLING_BACK', 'STALLED', 'HELD'];
const REMOVED = 'removed';
const OF_REMOVED = [REMOVED, 'HELD']; // such tenants have no item any more

/** Return a value that has stood still for a moment: not every letter is a request. */
function useSettled(value: string, milliseconds: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

export function Tenants() {
  const words = useWords(panelWords);
  const heading = usePage(`${words.tenants} · Fluxion`);
  const mayChange = useMayChange();
  const [parameters, setParameters] = useSearchParams();
  const filter = parameters.get('status') ?? '';
  const [typed, setTyped] = useState(parameters.get('q') ?? '');
  const search = useSettled(typed.trim(), 200);
  const [cursors, setCursors] = useState<string[]>([]);

  const path = withQuery('/api/tenants', {
    q: search,
    status: filter === REMOVED ? null : filter,
    removed: OF_REMOVED.includes(filter) ? 'true' : null,
    limit: ROWS,
    cursor: cursors.at(-1),
  });
  const { value, stale, problem } = usePolled<Page<TenantRow>>(path, SECONDS);
  const page = value ?? stale; // while another search is under way the last answer stands

  const narrow: Narrow = (changes) => {
    const next = new URLSearchParams(parameters);
    for (const [name, text] of Object.entries(changes)) {
      if (text) next.set(name, text);
      else next.delete(name);
    }
    setCursors([]);
    setParameters(next, { replace: true });
  };
  const clear = () => {
    setTyped('');
    narrow({ q: '', status: '' });
  };
  const narrowed = Boolean(typed || filter);

  return (
    <div className="tenants">
      <div className="head">
        <Heading at={heading}>{words.tenants}</Heading>
        {mayChange ? (
          <Link className="button" to="/new">
            {words.newTenant}
          </Link>
        ) : null}
      </div>
      <Filters
        typed={typed}
        filter={filter}
        narrow={(changes) => {
          if (changes.q !== undefined) setTyped(changes.q);
          narrow(changes);
        }}
      />
      <Notice tone="warn">{problem ? (page ? words.listStale : words.unavailable) : null}</Notice>
      {page || problem ? null : <p role="status">{words.loading}</p>}
      {page?.items.length ? <Table rows={page.items} /> : null}
      {page?.items.length === 0 ? <Nothing narrowed={narrowed} clear={clear} mayChange={mayChange} /> : null}
      <Pages cursors={cursors} next={page?.next ?? null} go={setCursors} />
    </div>
  );
}

type Narrow = (changes: { q?: string; status?: string }) => void;

function Filters({ typed, filter, narrow }: { typed: string; filter: string; narrow: Narrow }) {
  const words = useWords(panelWords);
  return (
    <search className="filters">
      <input
        type="search"
        aria-label={words.search}
        placeholder={words.search}
        value={typed}
        maxLength={80}
        onChange={(event) => narrow({ q: event.target.value })}
      />
      <label>
        <span>{words.filter}</span>
        <select value={filter} onChange={(event) => narrow({ status: event.target.value })}>
          <option value="">{words.filterAll}</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>
              {words.statuses[status]}
            </option>
          ))}
          {STATES.map((state) => (
            <option key={state} value={state}>
              {words.operation}: {words.states[state]?.toLowerCase()}
            </option>
          ))}
          <option value={REMOVED}>{words.filterRemoved}</option>
        </select>
      </label>
    </search>
  );
}

/** Lead forwards and back, where there is more than one page. cursors: of the pages after the first, up to this one. */
function Pages({ cursors, next, go }: { cursors: string[]; next: string | null; go: (cursors: string[]) => void }) {
  const words = useWords(panelWords);
  if (cursors.length === 0 && !next) return null;
  return (
    <nav className="pages" aria-label={words.tenants}>
      <button
        type="button"
        className="button quiet"
        disabled={cursors.length === 0}
        onClick={() => go(cursors.slice(0, -1))}
      >
        {words.previous}
      </button>
      <button type="button" className="button quiet" disabled={!next} onClick={() => next && go([...cursors, next])}>
        {words.next}
      </button>
    </nav>
  );
}

function Nothing({ narrowed, clear, mayChange }: { narrowed: boolean; clear: () => void; mayChange: boolean }) {
  const words = useWords(panelWords);
  return (
    <div className="nothing">
      <p>{narrowed ? words.noneFound : words.noTenants}</p>
      {!narrowed && mayChange ? <p className="soft">{words.noTenantsHint}</p> : null}
      {narrowed ? (
        <button type="button" className="button quiet" onClick={clear}>
          {words.clearSearch}
        </button>
      ) : null}
    </div>
  );
}

function Table({ rows }: { rows: TenantRow[] }) {
  const words = useWords(panelWords);
  const language = useLanguage();
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">{words.tenant}</th>
          <th scope="col">{words.status}</th>
          <th scope="col" className="wide">
            {words.tier}
          </th>
          <th scope="col" className="wide">
            {words.changed}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.tenant_id} data-tenant={row.tenant_id}>
            <th scope="row">
              <Link to={`/tenants/${row.tenant_id}`}>{row.name ?? row.tenant_id}</Link>
              <span className="mono soft">{row.tenant_id}</span>
            </th>
            <td>
              <StatusMark status={row.status} />
              <OperationWords row={row} />
            </td>
            <td className="wide">{row.tier ? (words.tiers[row.tier] ?? row.tier) : ''}</td>
            <td className="wide moment">{row.updated_at ? moment(row.updated_at, language) : ''}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
