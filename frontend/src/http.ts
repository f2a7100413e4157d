// Ask the API of this host. Every answer that is not a success becomes a Problem (RFC 9457).

export type FieldError = { field: string; message: string };

/** Hold an error as the API tells it. status 0 and code `offline`: no answer came at all. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly errors: readonly FieldError[];

  constructor(status: number, body: { title?: string; code?: string; detail?: string; errors?: FieldError[] } = {}) {
    super(body.detail ?? body.title ?? `status ${status}`);
    this.name = 'Problem';
    this.status = status;
    this.code = body.code;
    this.detail = body.detail;
    this.errors = body.errors ?? [];
  }
}

export type Request = {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: unknown;
  token?: string | undefined;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
};

/** Return the response to a request, whatever its status. Throws Problem if there is none, and what an abort throws. */
export async function send(path: string, { method = 'GET', body, token, headers, signal }: Request = {}) {
  const fields = new Headers({ Accept: 'application/json', ...headers });
  if (body !== undefined) fields.set('Content-Type', 'application/json');
  if (token) fields.set('Authorization', `Bearer ${token}`);
  try {
    return await fetch(path, {
      method,
      headers: fields,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
      credentials: 'omit',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, { code: 'offline', title: 'no answer' });
  }
}

/** Return the problem that a response tells, or one made from its status if it is not the API that answered. */
export async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  return new Problem(response.status, body && typeof body === 'object' ? body : {});
}

/** Return the JSON that the API answers. Throws Problem for anything else. */
export async function ask<T>(path: string, request?: Request): Promise<T> {
  const response = await send(path, request);
  if (!response.ok) throw await problemOf(response);
  try {
    return (await response.json()) as T;
  } catch {
    // A page instead of JSON: the API is not behind this host, or something in between has answered.
    throw new Problem(502, { title: 'not JSON' });
  }
}

/** Return a path with a query of those parameters that have a value. */
export function withQuery(path: string, parameters: Record<string, string | number | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
