// One tenant: what its visitors get, what is being done to it, what has happened, and the controls to change that.

import { type ReactNode, useEffect, useState } from 'react';
import { useLocation, useParams } from 'react-router';
import { Heading, Notice } from '../ui/parts.tsx';
import './tenant.css';
import { Problem } from '../http.ts';
import { moment } from '../language/formats.ts';
import { useLanguage, useWords } from '../language/language.tsx';
import { usePage } from '../ui/page.ts';
import { Controls } from './Controls.tsx';
import { Back } from './forms.tsx';
import { History } from './History.tsx';
import { StatusMark } from './marks.tsx';
import { usePolled } from './requests.ts';
import { Stages } from './Stages.tsx';
import { useMayChange, useSession } from './session.tsx';
import { follow } from './stream.ts';
import { newer } from './timeline.ts';
import type { LastError, Progress, TenantDetail } from './types.ts';
import { panelWords } from './words.ts';

const SECONDS = 4; // between looks at the rest of the page; a run under way is streamed

/** Follow the run that is under way, or the last one. after: the run to wait for is newer than this one. */
function useProgress(tenantId: string, after: string | null, wanted: string, ended: () => void) {
  const { token, signOut } = useSession();
  const [progress, setProgress] = useState<Progress | null>(null);
  const [connected, setConnected] = useState(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `wanted` names what is followed; it changes with a new run
  useEffect(() => {
    const stop = new AbortController();
    follow({
      tenantId,
      token,
      after,
      signal: stop.signal,
      onProgress: setProgress,
      onConnection: setConnected,
    })
      .then(() => stop.signal.aborted || ended())
      .catch((error) => {
        if (stop.signal.aborted) return;
        if (error instanceof Problem && error.status === 401) signOut(true);
        else setConnected(false);
      });
    return () => stop.abort();
  }, [tenantId, token, after, wanted, ended, signOut]);
  return { progress, connected };
}

export function TenantPage() {
  const { tenantId = '' } = useParams();
  return <Tenant key={tenantId} tenantId={tenantId} />;
}

function Tenant({ tenantId }: { tenantId: string }) {
  const words = useWords(panelWords);
  const location = useLocation();
  const path = `/api/tenants/${encodeURIComponent(tenantId)}`;
  const { value: detail, problem, again } = usePolled<TenantDetail>(path, SECONDS);
  const heading = usePage(`${detail?.name ?? tenantId} · Fluxion`);
  const mayChange = useMayChange();
  const [after, setAfter] = useState<string | null>((location.state as { after?: string } | null)?.after ?? null);
  // A run that somebody else has begun is followed too: the polled page is where it is first seen.
  const { progress: streamed, connected } = useProgress(tenantId, after, detail?.progress.run ?? '', again);
  const progress = newer(streamed, detail?.progress ?? null);
  // What a stage has left behind (history, effects) is asked for as soon as it has ended.
  const told = streamed?.stages.length ?? 0;
  useEffect(() => {
    if (told > 0) again();
  }, [told, again]);

  if (problem?.status === 404) {
    return (
      <div className="narrow">
        <Back to="/">{words.backToList}</Back>
        <Heading at={heading}>{tenantId}</Heading>
        <p className="notice">{words.notFound}</p>
      </div>
    );
  }
  return (
    <div className="tenant">
      <Back to="/">{words.backToList}</Back>
      <div className="head">
        <div className="title">
          <Heading at={heading}>{detail?.name ?? tenantId}</Heading>
          <p className="under">
            <StatusMark status={progress?.status ?? detail?.status ?? 'NOT_SEEN'} />
            <span className="mono">{detail?.host ?? tenantId}</span>
          </p>
        </div>
        {detail && mayChange ? (
          <Controls
            detail={detail}
            progress={progress}
            asked={(answer) => {
              if (answer.after) setAfter(answer.after);
              again();
            }}
          />
        ) : null}
      </div>
      <Notice tone="warn">{problem ? words.unavailable : null}</Notice>
      <Standing detail={detail} progress={progress} />
      <div className="columns">
        <div>
          {progress ? <Stages progress={progress} connected={connected} /> : <p role="status">{words.loading}</p>}
          <History tenantId={tenantId} newest={detail?.events ?? []} />
        </div>
        {detail ? <Facts detail={detail} /> : null}
      </div>
    </div>
  );
}

/** Show what there is to know at first sight: what visitors get, and what went wrong. */
function Standing({ detail, progress }: { detail: TenantDetail | null; progress: Progress | null }) {
  const words = useWords(panelWords);
  const language = useLanguage();
  const status = progress?.status ?? detail?.status;
  const error = progress?.last_error ?? null;
  const state = progress?.state;
  const due = detail?.due_at ? moment(detail.due_at, language) : null;
  return (
    <>
      <p className="standing">
        {status ? words.statusHelp[status] : ''}{' '}
        {status === 'ACTIVE' && progress ? <a href={progress.url}>{words.visit}</a> : null}
      </p>
      {state === 'HELD' && detail ? <Held detail={detail} /> : null}
      {error && state !== 'RUNNING' && state !== 'WAITING' && state !== 'SUCCEEDED' ? (
        <Failure error={error}>{state !== 'HELD' && due ? <p>{words.triedAgainAt(due)}</p> : null}</Failure>
      ) : null}
    </>
  );
}

/** Show a removal that waits: for its time, or for a person, where there were too many at once. */
function Held({ detail }: { detail: TenantDetail }) {
  const words = useWords(panelWords);
  const language = useLanguage();
  if (detail.due_for === 'confirmation') {
    return (
      <div className="notice warn">
        <p>{words.heldForConfirmation}</p>
        <p>
          {words.confirmRemoval} <code>fluxion tenants remove --held {detail.tenant_id}</code>
        </p>
        <p>{words.cancelRemoval}</p>
      </div>
    );
  }
  return detail.due_at ? <p className="notice warn">{words.heldUntil(moment(detail.due_at, language))}</p> : null;
}

/** In Spanish what the code means; the message, which names the very thing, is in English only. */
function Failure({ error, children }: { error: LastError; children: ReactNode }) {
  const words = useWords(panelWords);
  const spanish = useLanguage() === 'es';
  return (
    <section className="failure" aria-labelledby="failure">
      <h2 id="failure">{words.failureTitle(words.stages[error.stage] ?? error.stage)}</h2>
      <dl>
        <div>
          <dt>{words.cause}</dt>
          <dd>{spanish ? error.es.cause : error.message}</dd>
        </div>
        <div>
          <dt>{words.toDo}</dt>
          <dd>{spanish ? error.es.remedy : error.remedy}</dd>
        </div>
        <div className="detail">
          <dt>{words.detail}</dt>
          <dd lang="en">
            <code>{error.code}</code> {spanish ? error.message : null}
          </dd>
        </div>
      </dl>
      {children}
    </section>
  );
}

function Facts({ detail }: { detail: TenantDetail }) {
  const words = useWords(panelWords);
  const language = useLanguage();
  const { item, record } = detail;
  const facts: { name: string; value: string | number | null | undefined; code?: boolean }[] = [
    { name: words.tier, value: detail.tier && (words.tiers[detail.tier] ?? detail.tier) },
    { name: words.contact, value: item?.contact_email },
    { name: words.colour, value: item?.settings?.colour as string | undefined, code: true },
    { name: words.liveSince, value: detail.live_since && moment(detail.live_since, language) },
    { name: words.changed, value: detail.updated_at && moment(detail.updated_at, language) },
    { name: words.requestedBy, value: detail.requested_by },
    { name: words.generation, value: record?.generation },
    { name: words.schema, value: record?.schema_version },
    { name: words.database, value: record?.database_path, code: true },
  ];
  return (
    <aside className="facts">
      <h2>{words.facts}</h2>
      <dl>
        {facts
          .filter(({ value }) => value !== null && value !== undefined && value !== '')
          .map(({ name, value, code }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{code ? <code>{value}</code> : value}</dd>
            </div>
          ))}
      </dl>
      {detail.effects.length > 0 ? (
        <>
          <h2>{words.effects}</h2>
          <ul className="effects">
            {detail.effects.map((effect) => (
              <li key={effect.system}>
                <span>{words.systems[effect.system] ?? effect.system}</span>{' '}
                <span className="soft">{words.effectStates[effect.state] ?? effect.state}</span>
                {effect.target ? <code>{effect.target}</code> : null}
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </aside>
  );
}
