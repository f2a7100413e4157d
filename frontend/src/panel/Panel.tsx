// The operators' panel: signing in, and the pages behind it.

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Link, Outlet, Route, Routes, useLocation, useNavigate, useSearchParams } from 'react-router';
import { Heading } from '../ui/parts.tsx';
import './panel.css';
import './forms.css';
import { ask, Problem } from '../http.ts';
import { LanguageSwitch, useWords } from '../language/language.tsx';
import { Missing } from '../ui/Missing.tsx';
import { usePage } from '../ui/page.ts';
import { Loading } from '../ui/pages.tsx';
import { uiWords } from '../ui/words.ts';
import { EditTenant, NewTenant } from './forms.tsx';
import { SessionContext, useMayChange, useSession } from './session.tsx';
import { completeSignIn, currentToken, forgetToken, signIn } from './signing.ts';
import { TenantPage } from './TenantPage.tsx';
import { Tenants } from './Tenants.tsx';
import type { Me } from './types.ts';
import { panelWords } from './words.ts';

export default function Panel() {
  return (
    <Routes>
      <Route path="signed-in" element={<SignedIn />} />
      <Route element={<Guarded />}>
        <Route index element={<Tenants />} />
        <Route path="new" element={<NewTenant />} />
        <Route path="tenants/:tenantId" element={<TenantPage />} />
        <Route path="tenants/:tenantId/edit" element={<EditTenant />} />
      </Route>
      <Route path="*" element={<Missing />} />
    </Routes>
  );
}

/** Show the pages for who is signed in; the way to sign in for everybody else. */
function Guarded() {
  const [token, setToken] = useState(currentToken);
  const [me, setMe] = useState<Me | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [expired, setExpired] = useState(false);

  const signOut = useCallback((wasRefused = false) => {
    forgetToken();
    setExpired(wasRefused);
    setToken(null);
    setMe(null);
  }, []);

  useEffect(() => {
    if (!token) return;
    const stop = new AbortController();
    ask<Me>('/api/me', { token, signal: stop.signal })
      .then(setMe)
      .catch((error) => {
        if (stop.signal.aborted) return;
        if (error instanceof Problem && error.status === 401) signOut(true);
        else setProblem(error instanceof Problem ? error : new Problem(0));
      });
    return () => stop.abort();
  }, [token, signOut]);

  const session = useMemo(() => (me && token ? { me, token, signOut } : null), [me, token, signOut]);
  if (!token) return <SignedOut reason={expired ? 'expired' : null} />;
  if (problem) return <SignedOut reason={problem.status === 403 ? 'noRole' : 'signInUnavailable'} />;
  if (!session) return <Loading />;
  return (
    <SessionContext value={session}>
      <Frame />
    </SessionContext>
  );
}

function Frame() {
  const ui = useWords(uiWords);
  const words = useWords(panelWords);
  const { me, signOut } = useSession();
  const mayChange = useMayChange();
  return (
    <div className="panel">
      <a className="skip" href="#content">
        {ui.skip}
      </a>
      <header>
        <Link to="/" className="brand">
          Fluxion <span>{me.base_domain}</span>
        </Link>
        <div className="who">
          <span className="email">{me.email}</span>
          <span className="role">{mayChange ? words.roleOperator : words.roleViewer}</span>
          <LanguageSwitch />
          <button type="button" className="language" onClick={() => signOut()}>
            {words.signOut}
          </button>
        </div>
      </header>
      <main id="content">
        <Outlet />
      </main>
    </div>
  );
}

type Reason = 'expired' | 'noRole' | 'signInFailed' | 'signInUnavailable' | null;

function SignedOut({ reason }: { reason: Reason }) {
  const words = useWords(panelWords);
  const heading = usePage(words.panel);
  const { pathname, search } = useLocation();
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<Reason>(null);
  const said = failed ?? reason;
  // From the page where signing in ends one does not come back to it.
  const back = pathname === '/signed-in' ? '/' : pathname + search;

  async function go() {
    setBusy(true);
    setFailed(null);
    try {
      await signIn(back);
    } catch {
      setBusy(false);
      setFailed('signInUnavailable');
    }
  }

  return (
    <div className="whole">
      <header>
        <LanguageSwitch />
      </header>
      <main>
        <p className="sign">Fluxion</p>
        <Heading at={heading}>{words.signInTitle}</Heading>
        <p className="text">{words.signInText}</p>
        {said ? (
          <p className={`notice ${said === 'expired' ? 'warn' : 'bad'}`} role="alert">
            {words[said]}
          </p>
        ) : null}
        <button type="button" className="button" disabled={busy} onClick={go}>
          {busy ? words.signingIn : words.signIn}
        </button>
      </main>
    </div>
  );
}

/** End signing in, where the sign-in page sends the browser back to. */
function SignedIn() {
  const [query] = useSearchParams();
  const navigate = useNavigate();
  const [reason, setReason] = useState<Reason>(null);
  const began = useRef(false);

  useEffect(() => {
    if (began.current) return; // a code is good once, and React runs effects twice in development
    began.current = true;
    completeSignIn(query)
      .then((back) => navigate(back, { replace: true }))
      .catch((error) => {
        const down = error instanceof Problem && (error.status === 0 || error.status >= 500);
        setReason(down ? 'signInUnavailable' : 'signInFailed');
      });
  }, [query, navigate]);

  return reason ? <SignedOut reason={reason} /> : <Loading />;
}
