// The whole system in miniature for `vite` and `vite preview`: what the edge does with hosts and paths, and an API
// that keeps to the contract of the real one. Its tenants live in memory and begin anew with the server.

import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import vm from 'node:vm';
import type { Connect, Plugin, PreviewServer, ViteDevServer } from 'vite';
import { Api } from './api.ts';

const BASE = 'fluxionia.localhost';

/** Be as strict as what the distribution sends; the development server itself could not work with it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

type Answer = { statusCode?: number; headers?: { location: { value: string } }; uri?: string };

/** Load the CloudFront Function itself, from the file that is deployed. */
function edgeFunction(): (event: unknown) => Answer {
  const source = readFileSync(new URL('../../edge/viewer_request.js', import.meta.url), 'utf8');
  return vm.runInNewContext(`${source}; handler`) as (event: unknown) => Answer;
}

/** Return whether a path is one that Vite serves to itself while developing. */
const isVites = (path: string) => /^\/(@|src\/|node_modules\/)/.test(path);

function serve(server: ViteDevServer | PreviewServer, headers: Record<string, string>) {
  const api = new Api(BASE);
  const handler = edgeFunction();
  server.middlewares.use((request: IncomingMessage, response: ServerResponse, next: Connect.NextFunction) => {
    const [path = '/', query] = (request.url ?? '/').split(/\?(.*)/s);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (path === '/healthz' || path === '/api' || path.startsWith('/api/')) return void api.answer(request, response);
    if (path === '/config.json') {
      response.setHeader('Content-Type', 'application/json');
      return void response.end(JSON.stringify({ base_domain: BASE, example_tenant: 'granja' }));
    }
    if (isVites(path)) return next();
    const host = { value: request.headers.host ?? '' };
    const answer = handler({ request: { uri: path, headers: { host }, rawQueryString: () => query } });
    if (answer.statusCode) {
      // The function says https, as it must; this server has none.
      const location = answer.headers?.location.value.replace('https:', 'http:');
      return void response.writeHead(answer.statusCode, { Location: location }).end();
    }
    request.url = query === undefined ? answer.uri : `${answer.uri}?${query}`;
    next();
  });
}

export function mock(): Plugin {
  return {
    name: 'fluxion-mock',
    configureServer: (server) => serve(server, {}),
    configurePreviewServer: (server) =>
      serve(server, {
        'Content-Security-Policy': POLICY,
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'strict-origin-when-cross-origin',
      }),
  };
}
