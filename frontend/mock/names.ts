// Which names a tenant may have, as far as the pages need to be told so. The real rules are the backend's.

import type { NameCheck } from '../src/panel/types.ts';

const RESERVED = ['www', 'api', 'admin', 'auth', 'login', 'mail', 'status', 'fluxion'];

const skeleton = (id: string) => id.replace(/rn/g, 'm').replace(/1/g, 'l').replace(/0/g, 'o');

/** Return what the API says of a name. others: names that tenants have. */
export function checkName(id: string, others: string[], base: string): NameCheck {
  const answer = (code: string | null, rule: string | null, like: string | null = null) => ({
    tenant_id: id,
    ok: code === null,
    code,
    rule,
    like,
    host: `${id}.${base}`,
  });
  if (id !== id.normalize('NFKC').toLowerCase()) {
    return answer('plain_form', 'must be given in its plain lower-case form; it is never converted');
  }
  if (id.length < 3 || id.length > 32) return answer('length', `must have 3 to 32 characters, and has ${id.length}`);
  if (!/^[a-z0-9][a-z0-9-]*[a-z0-9]$/.test(id)) {
    return answer('characters', 'must consist of a-z, 0-9 and inner hyphens: one DNS label, no dot');
  }
  if (/^\d+$/.test(id)) return answer('digits', 'must not be all digits');
  if (RESERVED.includes(id)) return answer('reserved', 'is reserved for the platform', id);
  const reserved = RESERVED.find((name) => skeleton(name) === skeleton(id));
  if (reserved) return answer('looks_reserved', `looks like the reserved name '${reserved}'`, reserved);
  const like = others.find((name) => skeleton(name) === skeleton(id));
  if (like === id) return answer('taken', 'is taken', id);
  if (like) return answer('looks_taken', `looks like '${like}', which another tenant has`, like);
  return answer(null, null);
}
