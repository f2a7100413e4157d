// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  authorizationUrl,
  challengeOf,
  completeSignIn,
  currentToken,
  forgetToken,
  SigningInFailed,
} from './signing.ts';

const answer = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } });

beforeEach(() => sessionStorage.clear());
afterEach(() => vi.unstubAllGlobals());

function pending(back = '/tenants/granja') {
  sessionStorage.setItem('fluxion.signing-in', JSON.stringify({ state: 'the-state', verifier: 'the-verifier', back }));
}

test('the challenge is the example of RFC 7636', async () => {
  expect(await challengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  );
});

test('the sign-in page is asked for a code, for this host, with PKCE', () => {
  const provider = {
    issuer: 'https://auth.f.co',
    authorization_endpoint: 'https://auth.f.co/authorize?tenant=x',
    client_id: 'panel',
    scope: 'openid email',
  };
  const url = new URL(authorizationUrl(provider, 's&t', 'c'));
  expect(url.origin + url.pathname).toBe('https://auth.f.co/authorize');
  expect(Object.fromEntries(url.searchParams)).toEqual({
    tenant: 'x',
    response_type: 'code',
    client_id: 'panel',
    redirect_uri: `${window.location.origin}/signed-in`,
    scope: 'openid email',
    state: 's&t',
    code_challenge: 'c',
    code_challenge_method: 'S256',
  });
});

test('a code is exchanged once, with the verifier, and the token is kept for this tab', async () => {
  pending();
  const fetched = vi.fn(async () => answer({ token: 'abc', token_type: 'Bearer', expires_in: 60 }));
  vi.stubGlobal('fetch', fetched);
  expect(await completeSignIn(new URLSearchParams('code=the-code&state=the-state'))).toBe('/tenants/granja');
  expect(currentToken()).toBe('abc');
  const [path, request] = fetched.mock.calls[0] as unknown as [string, RequestInit];
  expect(path).toBe('/api/auth/token');
  expect(JSON.parse(String(request.body))).toMatchObject({ code: 'the-code', code_verifier: 'the-verifier' });
  await expect(completeSignIn(new URLSearchParams('code=the-code&state=the-state'))).rejects.toThrow(SigningInFailed);
  expect(fetched).toHaveBeenCalledTimes(1);
});

test.each(['code=c&state=another', 'code=c', 'state=the-state', 'error=access_denied&state=the-state', ''])(
  'an answer %j that was not asked for signs nobody in',
  async (query) => {
    pending();
    const fetched = vi.fn();
    vi.stubGlobal('fetch', fetched);
    await expect(completeSignIn(new URLSearchParams(query))).rejects.toThrow(SigningInFailed);
    expect(fetched).not.toHaveBeenCalled();
    expect(currentToken()).toBeNull();
  },
);

test.each(['//evil.example', 'https://evil.example/', '/\\evil.example', 'javascript:alert(1)', ''])(
  'signing in leads back to this site, not to %j',
  async (back) => {
    pending(back);
    vi.stubGlobal('fetch', async () => answer({ token: 'abc', expires_in: 60 }));
    expect(await completeSignIn(new URLSearchParams('code=c&state=the-state'))).toBe('/');
  },
);

test('a token that has expired, or was forgotten, is none', async () => {
  pending();
  vi.stubGlobal('fetch', async () => answer({ token: 'abc', expires_in: 0 }));
  await completeSignIn(new URLSearchParams('code=c&state=the-state'));
  expect(currentToken()).toBeNull();
  sessionStorage.setItem('fluxion.token', JSON.stringify({ token: 'abc', expires_at: Date.now() + 60_000 }));
  expect(currentToken()).toBe('abc');
  forgetToken();
  expect(currentToken()).toBeNull();
});
