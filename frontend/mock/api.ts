// The API by host: a tenant's, the admin's, and the sign-in page. Only what the frontend asks for.

import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PRODUCTS } from './products.ts';
import { Refusal } from './refusal.ts';
import { World } from './world.ts';

type Body = Record<string, unknown>;

type Call = {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Body;
  request: IncomingMessage;
  response: ServerResponse;
};

/** Stand for an answer that has been written already. */
const WRITTEN = Symbol('written');

export class Api {
  private readonly codes = new Map<string, { email: string; challenge: string; redirect: string }>();
  private readonly orders = new Map<string, { text: string; order: unknown }>();
  private readonly world: World;
  private readonly base: string;

  constructor(base: string) {
    this.base = base;
    this.world = new World(base);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://any');
    response.setHeader('Cache-Control', 'no-store');
    try {
      const body = await bodyOf(request);
      const call = {
        method: request.method ?? 'GET',
        path: url.pathname,
        query: url.searchParams,
        body,
        request,
        response,
      };
      const [status, value] = this.route(call);
      if (value === WRITTEN) return;
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, undefined, [], String(error));
      const { status, code, errors, message } = refusal;
      const problem = {
        type: 'about:blank',
        title: `status ${status}`,
        status,
        code,
        detail: message || undefined,
        errors,
      };
      response.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(problem));
    }
  }

  private route(call: Call): [number, unknown] {
    const [name = ''] = (call.request.headers.host ?? '').toLowerCase().split(':');
    if (call.path === '/healthz') return [200, { status: 'ok' }];
    if (name === `auth.${this.base}`) return this.signInPage(call);
    if (name === `admin.${this.base}`) return this.admin(call);
    if (name.endsWith(`.${this.base}`)) return this.site(call, name.slice(0, -this.base.length - 1));
    throw new Refusal(404);
  }

  // --- a tenant's site ------------------------------------------------------------------------------------------------

  private site({ method, path, body, request, query }: Call, tenantId: string): [number, unknown] {
    const tenant = this.world.tenants.get(tenantId);
    if (tenantId === 'lenta') throw new Refusal(503, 'unavailable');
    if (tenant?.status === 'SUSPENDED') throw new Refusal(503, 'suspended');
    if (tenant?.status !== 'ACTIVE' || !tenant.item) throw new Refusal(404);
    const { name, tier = 'standard', settings = {} } = tenant.item;
    if (path === '/api/tenant') return [200, { tenant_id: tenantId, name, tier, settings, status: 'ACTIVE' }];
    const products = tenantId === 'vacia' ? [] : PRODUCTS;
    if (path === '/api/products') {
      const from = Number(query.get('cursor') ?? 0);
      const limit = 15; // less than what is asked for, so that there are pages
      const next = from + limit < products.length ? String(from + limit) : null;
      return [200, { items: products.slice(from, from + limit), next }];
    }
    if (path === '/api/orders' && method === 'POST') {
      return [201, this.order(body, String(request.headers['idempotency-key'] ?? randomUUID()))];
    }
    throw new Refusal(404);
  }

  private order(body: Body, key: string): unknown {
    const text = JSON.stringify(body);
    const before = this.orders.get(key);
    if (before && before.text !== text) throw new Refusal(409, 'idempotency_mismatch');
    if (before) return before.order;
    const customer = body.customer as Body;
    if (String(customer.email ?? 'a@b.co').indexOf('@') < 1) {
      throw new Refusal(422, 'invalid', [{ field: 'customer.email', message: 'must be an e-mail address' }]);
    }
    const lines = (body.lines as { product_id: string; quantity: number }[]).map(({ product_id, quantity }, at) => {
      const product = PRODUCTS.find((one) => one.product_id === product_id);
      if (!product)
        throw new Refusal(422, 'invalid', [{ field: `lines.${at}.product_id`, message: 'is not for sale' }]);
      return {
        product_id,
        product_name: product.name,
        quantity,
        unit_price_cents: product.price_cents,
        line_total_cents: Math.floor((Math.round(quantity * 1000) * product.price_cents + 500) / 1000),
      };
    });
    const order = {
      order_id: randomUUID(),
      status: 'placed',
      total_cents: lines.reduce((sum, line) => sum + line.line_total_cents, 0),
      currency: 'COP',
      created_at: new Date().toISOString(),
      lines,
    };
    this.orders.set(key, { text, order });
    return order;
  }

  // --- signing in -----------------------------------------------------------------------------------------------------

  private signInPage({ path, query, response }: Call): [number, unknown] {
    if (path !== '/api/oidc/authorize') throw new Refusal(404);
    const redirect = query.get('redirect_uri') ?? '';
    const link = (role: string) => {
      const email = `${role}@${this.base}`;
      const code = randomUUID();
      this.codes.set(code, { email, challenge: query.get('code_challenge') ?? '', redirect });
      const to = `${redirect}?${new URLSearchParams({ code, state: query.get('state') ?? '' })}`;
      return `<li><a href="${to.replace(/&/g, '&amp;')}">${email}</a></li>`;
    };
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(
      `<!doctype html><html lang="en"><title>Development issuer</title><h1>Sign in as</h1><ul>${link('operator')}${link('viewer')}</ul></html>`,
    );
    return [200, WRITTEN];
  }

  private exchange(body: Body): unknown {
    const found = this.codes.get(String(body.code));
    this.codes.delete(String(body.code));
    const challenge = createHash('sha256').update(String(body.code_verifier)).digest('base64url');
    if (found?.challenge !== challenge || found.redirect !== body.redirect_uri) throw new Refusal(400, 'bad_request');
    return { token: `mock.${found.email}`, token_type: 'Bearer', expires_in: 3600 };
  }

  // --- the admin API --------------------------------------------------------------------------------------------------

  private admin(call: Call): [number, unknown] {
    const { method, path, body, request } = call;
    if (path === '/api/auth') {
      const authorization_endpoint = `http://auth.${(request.headers.host ?? '').split('.').slice(1).join('.')}/api/oidc/authorize`;
      return [
        200,
        { issuer: `http://auth.${this.base}`, authorization_endpoint, client_id: 'panel', scope: 'openid email' },
      ];
    }
    if (path === '/api/auth/token') return [200, this.exchange(body)];
    const [, email = ''] = /^Bearer mock\.(.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (!email) throw new Refusal(401, 'token_missing');
    const role = email.startsWith('operator@') ? 'operator' : 'viewer';
    if (role === 'viewer' && method !== 'GET') throw new Refusal(403, 'role_forbids');
    if (path === '/api/me') {
      const expires_at = Date.now() / 1000 + 3600;
      return [200, { subject: email, email, role, expires_at, base_domain: this.base }];
    }
    const [, kind, id = '', action = ''] = /^\/api\/(names|tenants)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
    const name = decodeURIComponent(id);
    if (kind === 'names') return [200, this.world.check(name)];
    if (kind !== 'tenants') throw new Refusal(404);
    const port = (request.headers.host ?? '').split(':')[1];
    return id ? this.tenant(call, name, action, email, port) : this.tenants(call, email, port);
  }

  private tenants({ method, query, body }: Call, email: string, port: string | undefined): [number, unknown] {
    if (method === 'POST') return [201, this.world.create(body, email)];
    return [200, this.world.list(query, port)];
  }

  private tenant(call: Call, id: string, action: string, email: string, port: string | undefined): [number, unknown] {
    const { method, body, request, response, query } = call;
    const world = this.world;
    switch (`${method} ${action}`) {
      case 'GET ': {
        const detail = world.detail(id, port);
        response.setHeader('ETag', detail.etag ?? '');
        return [200, detail];
      }
      case 'GET history':
        return [200, world.history(id, query)];
      case 'GET events':
        return this.stream(call, id, port);
      case 'PATCH ':
        return [202, world.change(id, body, String(request.headers['fluxion-if-match'] ?? ''), email)];
      case 'DELETE ':
        if (request.headers['fluxion-confirm'] !== id) throw new Refusal(428, 'confirmation_required');
        return [202, world.remove(id, email)];
      case 'POST retry':
        return [202, world.retry(id, email)];
      case 'POST suspend':
        return [202, world.desire(id, 'suspended', email)];
      case 'POST resume':
        return [202, world.desire(id, 'active', email)];
      default:
        throw new Refusal(404);
    }
  }

  private stream({ query, request, response }: Call, id: string, port: string | undefined): [number, unknown] {
    this.world.detail(id, port); // 404 before the stream begins
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    let last = String(request.headers['last-event-id'] ?? '');
    const tell = () => {
      const { version, progress } = this.world.progressAfter(id, query.get('after'), port);
      if (String(version) === last) return;
      last = String(version);
      response.write(
        `id: ${version}\nevent: ${progress.ended ? 'end' : 'progress'}\ndata: ${JSON.stringify(progress)}\n\n`,
      );
      if (progress.ended) {
        clearInterval(timer);
        response.end();
      }
    };
    const timer = setInterval(tell, 50);
    response.on('close', () => clearInterval(timer));
    response.write(': beat\n\n');
    return [200, WRITTEN];
  }
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  try {
    return text ? (JSON.parse(text) as Body) : {};
  } catch {
    throw new Refusal(400, 'bad_request');
  }
}
