// A tenant of the miniature, and those that it begins with.

import { randomUUID } from 'node:crypto';
import type { HistoryEntry, Item, LastError, Progress, Stage, Status } from '../src/panel/types.ts';
import { stages } from '../stages.ts';

export const { bringingUp: UP, takingDown: DOWN } = stages;
export const EVENTS: Record<string, string> = {
  ClaimTenant: 'TenantClaimed',
  AttachCname: 'CnameAttached',
  CreateDnsRecords: 'DnsRecordsCreated',
  SeedDatabase: 'DatabaseSeeded',
  InvalidateCache: 'CacheInvalidated',
  VerifyTenant: 'TenantVerified',
  DeleteDnsRecords: 'DnsRecordsDeleted',
  DetachCname: 'CnameDetached',
  ArchiveDatabase: 'DatabaseArchived',
  ReleaseHostname: 'TenantOffboarded',
};
export const LAST: Record<string, string> = {
  onboard: 'TenantActivated',
  update: 'TenantUpdated',
  suspend: 'TenantSuspended',
  resume: 'TenantResumed',
};

export const FOREIGN: LastError = {
  code: 'RecordBelongsToOthers',
  message: "The zone already has an A record for 'falla.fluxionia.localhost' that this control plane did not create.",
  stage: 'CreateDnsRecords',
  remedy: 'Delete or rename the record in the hosted zone, then set requested_at on the tenant.',
  es: {
    cause: 'La zona ya tiene para esa dirección un registro que no creó este plano de control.',
    remedy: 'Borre o renombre el registro en la zona, y después ejecute de nuevo.',
  },
};

export type Tenant = {
  id: string;
  item: Item | null;
  name: string;
  status: Status;
  generation: number;
  attempt: number;
  kind: string;
  state: Progress['state'];
  stages: Stage[];
  startedAt: string;
  updatedAt: string;
  liveSince: string | null;
  lastError: LastError | null;
  history: HistoryEntry[];
  requestedBy: string | null;
  requestedAt: string | null;
  dueAt: string | null;
  dueFor: string | null;
  /** Counts what is told of the tenant: the stream's ids. */
  version: number;
  /** Counts what was asked for: the item's ETag. */
  revision: number;
  failures: number;
};

export const now = () => new Date().toISOString();

export function told(name: string, seconds: number): Stage {
  return { name, event: EVENTS[name] ?? null, state: 'done', started_at: now(), seconds };
}

/** Put an event at the front of a tenant's history. */
export function note(tenant: Tenant, event: string, stage: string, at = now(), more: Partial<HistoryEntry> = {}) {
  tenant.history.unshift({
    at,
    run: `${tenant.generation}.${tenant.attempt}`,
    event,
    event_id: randomUUID(),
    stage,
    requested_by: event === 'TenantClaimed' ? tenant.requestedBy : null,
    changed: {},
    code: null,
    message: null,
    es: null,
    found: [],
    ...more,
  });
}

/** Make a tenant whose onboarding ended three days ago. */
export function standing(id: string, name: string, status: Status, more: Partial<Item>): Tenant {
  const at = new Date(Date.now() - 86_400_000 * 3).toISOString();
  const tenant: Tenant = {
    id,
    item: { tenant_id: id, name, tier: 'standard', desired_state: 'active', ...more },
    name,
    status,
    generation: 1,
    attempt: 1,
    kind: 'onboard',
    state: 'SUCCEEDED',
    stages: UP.map((stage, place) => told(stage, [0.4, 1.2, 2.9, 0.7, 0.5, 1.8, 0.3][place] ?? 1)),
    startedAt: at,
    updatedAt: at,
    liveSince: status === 'PENDING' ? null : at,
    lastError: null,
    history: [],
    requestedBy: 'fluxion tenants add',
    requestedAt: at,
    dueAt: null,
    dueFor: null,
    version: 1,
    revision: 1,
    failures: 0,
  };
  for (const stage of tenant.stages) note(tenant, EVENTS[stage.name] ?? 'TenantActivated', stage.name, at);
  return tenant;
}

/** Make one of many that were removed within an hour: a person has to confirm it. */
function held(): Tenant {
  const tenant = standing('quesos-la-vega', 'Quesos La Vega', 'ACTIVE', {});
  Object.assign(tenant, { item: null, kind: 'offboard', state: 'HELD', stages: [] });
  Object.assign(tenant, { dueFor: 'confirmation', dueAt: now() });
  return tenant;
}

/** Make a tenant whose rows were to come back from a damaged archive. Its site goes on. */
function unrestored(): Tenant {
  const tenant = standing('miel-del-monte', 'Miel del Monte', 'ACTIVE', {});
  const message = "the file 'orders.parquet' of archive miel-del-monte/2026-11-20 is not the one in its manifest";
  const failed = { name: 'SeedDatabase', event: 'TenantUpdateFailed', state: 'failed' as const, seconds: 1.4 };
  Object.assign(tenant, { generation: 2, attempt: 2, kind: 'update', state: 'FAILED', startedAt: now() });
  tenant.stages = [told('ClaimTenant', 0.1), told('AttachCname', 0.1), { ...failed, started_at: now() }];
  tenant.lastError = {
    code: 'ArchiveDamaged',
    message,
    stage: 'SeedDatabase',
    remedy: 'Look for an earlier version of the file in the archive bucket, or name another archive.',
    es: {
      cause: 'El respaldo por restaurar no es lo que se archivó. No se publicó nada de él.',
      remedy: 'Busque una versión anterior del archivo en el bucket de respaldos, o indique otro.',
    },
  };
  note(tenant, 'TenantUpdateFailed', 'SeedDatabase', now(), {
    code: 'ArchiveDamaged',
    message,
    es: tenant.lastError.es,
  });
  return tenant;
}

/** Make a tenant whose records somebody deleted by hand; they were put back. */
function drifted(): Tenant {
  const tenant = standing('flores-del-alba', 'Flores del Alba', 'ACTIVE', {});
  const found = [{ kind: 'RecordMissing', where: 'dns_records', what: 'A flores-del-alba', repair: 'workflow' }];
  note(tenant, 'DriftDetected', 'Reconcile', new Date(Date.now() - 3_600_000).toISOString(), { found });
  note(tenant, 'DriftRepaired', 'Reconcile', new Date(Date.now() - 3_300_000).toISOString(), { found });
  return tenant;
}

/** Make one of each kind. */
export function firstTenants(): Tenant[] {
  const long = 'Cooperativa Multiactiva de Productores Campesinos del Suroccidente Antioqueño y';
  const stalled = standing('frutas-del-valle', 'Frutas del Valle', 'PENDING', {});
  stalled.state = 'STALLED';
  stalled.kind = 'onboard';
  stalled.stages = UP.slice(0, UP.indexOf('VerifyTenant')).map((name) => told(name, 0.8));
  stalled.stages.push({ name: 'VerifyTenant', event: null, state: 'failed', started_at: now(), seconds: 61.2 });
  stalled.dueFor = 'retry';
  stalled.dueAt = new Date(Date.now() + 240_000).toISOString();
  stalled.lastError = {
    code: 'SiteNotReady',
    message: "The name server did not answer for 'frutas-del-valle' in time.",
    stage: 'VerifyTenant',
    remedy: 'The message names the step that fails: follow it from there, then run the tenant again.',
    es: {
      cause: 'El sitio del inquilino aún no responde como debe.',
      remedy: 'El mensaje nombra el paso que falla: siga desde ahí, y después ejecute de nuevo.',
    },
  };
  return [
    standing('granja', 'La Granja Mercado', 'ACTIVE', {
      tier: 'premium',
      settings: { colour: '#2e7d32' },
      contact_email: 'hola@lagranja.example',
    }),
    standing('panaderia', 'Panadería El Trigal', 'ACTIVE', { settings: { colour: '#f2b632' } }),
    standing('pausada', 'Verduras Doña Inés', 'SUSPENDED', { desired_state: 'suspended' }),
    standing('vacia', 'Tienda nueva', 'ACTIVE', { tier: 'basic' }),
    standing('lenta', 'Abarrotes La Espera', 'ACTIVE', {}),
    standing('cooperativa-de-los-productores-x', `${long}.`, 'ACTIVE', { settings: { colour: '#6a1b9a' } }),
    standing('pescados-del-rio', 'Pescados del Río', 'ACTIVE', {}),
    standing('carnes-don-luis', 'Carnes Don Luis', 'ACTIVE', {}),
    stalled,
    held(),
    unrestored(),
    drifted(),
  ];
}
