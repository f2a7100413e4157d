// Creating a tenant and changing one: the same fields. The rules are the API's; a name is asked about while typing.

import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { Problem } from '../http.ts';
import { useWords } from '../language/language.tsx';
import { Field } from '../ui/Field.tsx';
import { fieldErrors, focusFirstInvalid } from '../ui/form.ts';
import { usePage } from '../ui/page.ts';
import { Heading, Notice } from '../ui/parts.tsx';
import { useAsk, useAttempt } from './requests.ts';
import { useMayChange } from './session.tsx';
import type { Asked, NameCheck, Settings, TenantDetail } from './types.ts';
import { type PanelWords, panelWords } from './words.ts';

type Values = { name: string; tier: string; contact_email: string; colour: string };

const EMPTY: Values = { name: '', tier: 'standard', contact_email: '', colour: '' };

/** Return the settings with another colour; all others stay. */
function withColour(settings: Settings, colour: string): Settings {
  const { colour: _, ...others } = settings;
  return colour.trim() ? { ...others, colour: colour.trim() } : others;
}

type Check = { state: 'none' } | { state: 'checking' } | { state: 'unknown' } | { state: 'told'; check: NameCheck };

/** Ask the API about a name while it is typed. An answer that was overtaken is dropped. */
function useNameCheck(id: string): Check {
  const ask = useAsk();
  const [told, setTold] = useState<{ id: string; check: NameCheck | null } | null>(null);
  useEffect(() => {
    if (!id) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      ask<NameCheck>(`/api/names/${encodeURIComponent(id)}`, { signal: stop.signal })
        .then((check) => setTold({ id, check }))
        .catch(() => stop.signal.aborted || setTold({ id, check: null }));
    }, 150);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [id, ask]);
  if (!id) return { state: 'none' };
  if (told?.id !== id) return { state: 'checking' };
  return told.check ? { state: 'told', check: told.check } : { state: 'unknown' };
}

function NameVerdict({ found }: { found: Check }) {
  const words = useWords(panelWords);
  if (found.state === 'none') return <span>{words.idHint}</span>;
  if (found.state === 'checking') return <span>{words.checking}</span>;
  if (found.state === 'unknown') return <span>{words.checkFailed}</span>;
  const { check } = found;
  if (check.ok) return <span className="ok">✓ {words.nameFree(check.host)}</span>;
  const translated = check.code ? words.rules[check.code] : undefined;
  if (!translated) {
    return (
      <b className="broken" lang="en">
        {check.tenant_id} {check.rule}
      </b>
    );
  }
  const like = check.like && check.like !== check.tenant_id ? check.like : null;
  return (
    <span className="broken">
      <b>{translated}</b> {like ? words.like(like) : null}
    </span>
  );
}

type NameFieldProps = {
  id: string;
  setId: (id: string) => void;
  check: Check;
  refused: boolean;
  error: string | undefined;
};

function NameField({ id, setId, check, refused, error }: NameFieldProps) {
  const words = useWords(panelWords);
  return (
    <Field
      label={words.id}
      value={id}
      required
      maxLength={80}
      autoCapitalize="none"
      autoComplete="off"
      spellCheck={false}
      className="mono"
      onChange={(event) => setId(event.target.value)}
      hint={
        <span role="status" data-testid="name-check">
          <NameVerdict found={check} />
        </span>
      }
      aria-invalid={refused || error ? true : undefined}
      error={error}
    />
  );
}

export function NewTenant() {
  const words = useWords(panelWords);
  const heading = usePage(`${words.newTenant} · Fluxion`);
  const ask = useAsk();
  const navigate = useNavigate();
  const mayChange = useMayChange();
  const [id, setId] = useState('');
  const check = useNameCheck(id);
  const refused = check.state === 'told' && !check.check.ok;

  if (!mayChange) return <NotAllowed />;
  return (
    <div className="narrow">
      <Back to="/">{words.backToList}</Back>
      <Heading at={heading}>{words.newTenant}</Heading>
      <TenantForm
        first={(error) => <NameField id={id} setId={setId} check={check} refused={refused} error={error} />}
        initial={EMPTY}
        labels={{ submit: words.create, busy: words.creating }}
        cancel="/"
        blocked={!id || refused}
        submit={async ({ name, tier, contact_email, colour }) => {
          const body = {
            tenant_id: id,
            name: name.trim(),
            tier,
            ...(contact_email.trim() ? { contact_email: contact_email.trim() } : {}),
            ...(colour.trim() ? { settings: withColour({}, colour) } : {}),
          };
          const asked = await ask<Asked>('/api/tenants', { method: 'POST', body });
          void navigate(`/tenants/${id}`, { state: { after: asked.after } });
        }}
      />
    </div>
  );
}

/** Load the tenant that is to be edited. again: loads what has become of it; round: how often that was needed. */
function useLoaded(path: string) {
  const ask = useAsk();
  const [loaded, setLoaded] = useState<{ detail: TenantDetail; round: number } | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    ask<TenantDetail>(path, { signal: stop.signal })
      .then((detail) => setLoaded({ detail, round }))
      .catch((error) => stop.signal.aborted || setProblem(error instanceof Problem ? error : new Problem(0)));
    return () => stop.abort();
  }, [path, ask, round]);
  return { loaded, problem, again: () => setRound(round + 1) };
}

export function EditTenant() {
  const { tenantId = '' } = useParams();
  const words = useWords(panelWords);
  const heading = usePage(`${words.editTitle(tenantId)} · Fluxion`);
  const ask = useAsk();
  const navigate = useNavigate();
  const mayChange = useMayChange();
  const path = `/api/tenants/${encodeURIComponent(tenantId)}`;
  const { loaded, problem, again } = useLoaded(path);

  if (!mayChange) return <NotAllowed />;
  const item = loaded?.detail.item;
  const back = `/tenants/${tenantId}`;
  return (
    <div className="narrow">
      <Back to={back}>{tenantId}</Back>
      <Heading at={heading}>{words.editTitle(tenantId)}</Heading>
      {problem ? <p className="notice bad">{problem.status === 404 ? words.notFound : words.unavailable}</p> : null}
      {loaded && !item ? <p className="notice bad">{words.notFound}</p> : null}
      {item ? (
        <TenantForm
          key={loaded.round}
          stale={loaded.round > 0}
          initial={{
            name: item.name ?? '',
            tier: item.tier ?? 'standard',
            contact_email: item.contact_email ?? '',
            colour: String(item.settings?.colour ?? ''),
          }}
          labels={{ submit: words.save, busy: words.saving }}
          cancel={back}
          blocked={false}
          submit={async ({ name, tier, contact_email, colour }) => {
            const body = {
              name: name.trim(),
              tier,
              contact_email: contact_email.trim() || null,
              settings: withColour(item.settings ?? {}, colour),
            };
            // The edge does not hand If-Match on.
            const headers = { 'Fluxion-If-Match': loaded.detail.etag ?? '' };
            try {
              const asked = await ask<Asked>(path, { method: 'PATCH', body, headers });
              void navigate(back, { state: { after: asked.after } });
            } catch (error) {
              if (!(error instanceof Problem && error.status === 412)) throw error;
              again();
            }
          }}
        />
      ) : null}
    </div>
  );
}

function TenantForm({
  first,
  initial,
  labels,
  cancel,
  blocked,
  stale = false,
  submit,
}: {
  first?: (error: string | undefined) => ReactNode;
  initial: Values;
  labels: { submit: string; busy: string };
  cancel: string;
  blocked: boolean;
  stale?: boolean;
  submit: (values: Values) => Promise<void>;
}) {
  const words = useWords(panelWords);
  const [values, setValues] = useState(initial);
  const { busy, problem, attempt } = useAttempt();
  const form = useRef<HTMLFormElement>(null);
  const errors = fieldErrors(problem, words.wrong);
  const field = (name: keyof Values, error = errors[name]) => ({
    name,
    value: values[name],
    error,
    onChange: (event: { target: { value: string } }) => setValues({ ...values, [name]: event.target.value }),
  });

  async function send(event: FormEvent) {
    event.preventDefault();
    if (busy || blocked) return;
    if (!(await attempt(() => submit(values)))) focusFirstInvalid(form.current);
  }

  return (
    <form className="fields" ref={form} onSubmit={send} noValidate>
      {stale ? (
        <p className="notice warn" role="alert">
          {words.changedMeanwhile}
        </p>
      ) : null}
      {first?.(errors.tenant_id)}
      <Field label={words.name} hint={words.nameHint} required maxLength={200} autoComplete="off" {...field('name')} />
      <div className="field">
        <label htmlFor="tier">{words.tier}</label>
        <select id="tier" value={values.tier} onChange={field('tier').onChange}>
          {Object.entries(words.tiers).map(([tier, text]) => (
            <option key={tier} value={tier}>
              {text}
            </option>
          ))}
        </select>
      </div>
      <Field
        label={words.email}
        optional={words.optional}
        type="email"
        maxLength={254}
        autoComplete="off"
        {...field('contact_email')}
      />
      <Field
        label={words.colour}
        optional={words.optional}
        hint={
          <>
            {words.colourHint} <ColourSample colour={values.colour} />
          </>
        }
        placeholder="#2e7d32"
        maxLength={20}
        autoComplete="off"
        spellCheck={false}
        {...field('colour', errors.settings ?? errors['settings.colour'])}
      />
      <Notice tone="bad">{problem ? problemWords(problem, words) : null}</Notice>
      <div className="actions">
        <button type="submit" className="button" disabled={busy || blocked}>
          {busy ? labels.busy : labels.submit}
        </button>
        <Link className="button quiet" to={cancel}>
          {words.cancel}
        </Link>
      </div>
    </form>
  );
}

function ColourSample({ colour }: { colour: string }) {
  const valid = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(colour.trim());
  return valid ? (
    <svg className="sample" viewBox="0 0 1 1" aria-hidden="true">
      <rect width="1" height="1" fill={colour.trim()} />
    </svg>
  ) : null;
}

export function problemWords(problem: Problem, words: PanelWords): string {
  if (problem.status === 0) return words.offline;
  if (problem.status === 422) return words.formRefused;
  const known = problem.code ? words.problems[problem.code] : undefined;
  return known ?? words.failed(problem.detail ?? problem.message);
}

/** Show the way back to another page. */
export function Back({ to, children }: { to: string; children: ReactNode }) {
  return (
    <p className="back">
      <Link to={to}>← {children}</Link>
    </p>
  );
}

function NotAllowed() {
  const words = useWords(panelWords);
  return <p className="notice">{words.roleViewer}</p>;
}
