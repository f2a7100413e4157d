// Signing in: OpenID Connect, authorization code with PKCE. The code is exchanged by this host's own API, so the page
// talks to no other host. The token stays in this tab and goes with it; nobody but this tab sends it, so no other site
// can make it act (no cookies, no CSRF).

import { ask } from '../http.ts';

const TOKEN = 'fluxion.token';
const PENDING = 'fluxion.signing-in';

type Token = { token: string; expires_at: number };
type Pending = { state: string; verifier: string; back: string };
type Provider = { issuer: string; authorization_endpoint: string; client_id: string; scope: string };

export class SigningInFailed extends Error {}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');
}

function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** Return the challenge of a verifier (RFC 7636, S256). */
export async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

export function redirectUri(): string {
  return `${window.location.origin}/signed-in`;
}

/** Return where the browser has to go to sign in. */
export function authorizationUrl(provider: Provider, state: string, challenge: string): string {
  const url = new URL(provider.authorization_endpoint);
  const parameters = {
    response_type: 'code',
    client_id: provider.client_id,
    redirect_uri: redirectUri(),
    scope: provider.scope,
    state,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Leave this page for the sign-in page. back: the path to return to. Throws Problem. */
export async function signIn(back: string): Promise<void> {
  const provider = await ask<Provider>('/api/auth');
  const pending: Pending = { state: random(), verifier: random(), back };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  window.location.assign(authorizationUrl(provider, pending.state, await challengeOf(pending.verifier)));
}

/** End signing in, with the query that the browser came back with. Returns the path to go to. */
export async function completeSignIn(query: URLSearchParams): Promise<string> {
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null') as Pending | null;
  sessionStorage.removeItem(PENDING); // a state is good for one answer
  const code = query.get('code');
  if (!pending || query.get('state') !== pending.state || !code) {
    throw new SigningInFailed(query.get('error') ?? 'state');
  }
  const body = { code, code_verifier: pending.verifier, redirect_uri: redirectUri() };
  const answer = await ask<{ token: string; expires_in: number }>('/api/auth/token', { method: 'POST', body });
  const token: Token = { token: answer.token, expires_at: Date.now() + answer.expires_in * 1000 };
  sessionStorage.setItem(TOKEN, JSON.stringify(token));
  // Only a path of this site, whatever was stored.
  return /^\/(?![/\\])/.test(pending.back) ? pending.back : '/';
}

/** Return the token of this tab while it is good, else null. */
export function currentToken(): string | null {
  const kept = JSON.parse(sessionStorage.getItem(TOKEN) ?? 'null') as Token | null;
  return kept && kept.expires_at > Date.now() ? kept.token : null;
}

export function forgetToken(): void {
  sessionStorage.removeItem(TOKEN);
}
