// Decide which of the three faces a host has. One build serves every host, so the base domain is not in it: it comes from
// /config.json, a file of the deployment that is the same for every tenant.

export type Face = { kind: 'landing' } | { kind: 'panel' } | { kind: 'site'; tenantId: string } | { kind: 'unknown' };

// The platform's own hosts. All other reserved names are the API's to know; it answers 404 for their hosts.
const PLATFORM = new Set(['admin', 'api', 'auth', 'origin', 'www']);

const LABEL = /^[a-z0-9](?:[a-z0-9-]{1,30}[a-z0-9])$/;

/** Return a host without port and final dot, in lower case. */
function plain(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/** Return the one label that a host has below the base domain; '' for the base domain itself, null for any other host. */
function labelOf(host: string, baseDomain: string): string | null {
  const name = plain(host);
  const base = plain(baseDomain);
  if (!base) return null;
  if (name === base) return '';
  if (!name.endsWith(`.${base}`)) return null;
  const label = name.slice(0, -base.length - 1);
  return label && !label.includes('.') ? label : null;
}

/** Return the tenant whose host this is; null for the base domain, the platform's hosts and what is no tenant's. */
export function getTenantId(hostname: string, baseDomain: string): string | null {
  const label = labelOf(hostname, baseDomain);
  return label && LABEL.test(label) && !PLATFORM.has(label) ? label : null;
}

/** Return what to show on a host. Whether its tenant exists only the API knows. */
export function faceOf(hostname: string, baseDomain: string): Face {
  const label = labelOf(hostname, baseDomain);
  if (label === '') return { kind: 'landing' };
  if (label === 'admin') return { kind: 'panel' };
  const tenantId = getTenantId(hostname, baseDomain);
  return tenantId ? { kind: 'site', tenantId } : { kind: 'unknown' };
}
