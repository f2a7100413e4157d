// Tenants in memory, and a control plane that takes a few tenths of a second for what takes the real one seconds.

import type { HistoryEntry, Item, NameCheck, Progress, Stage, TenantDetail, TenantRow } from '../src/panel/types.ts';
import { checkName } from './names.ts';
import { Refusal } from './refusal.ts';
import { DOWN, EVENTS, FOREIGN, firstTenants, LAST, note, now, standing, type Tenant, UP } from './seed.ts';

const GRACE = 2000;

export class World {
  readonly tenants = new Map<string, Tenant>();
  private readonly base: string;

  constructor(base: string) {
    this.base = base;
    for (const tenant of firstTenants()) this.tenants.set(tenant.id, tenant);
  }

  // --- reading --------------------------------------------------------------------------------------------------------

  private find(id: string): Tenant {
    const tenant = this.tenants.get(id);
    if (!tenant) throw new Refusal(404);
    return tenant;
  }

  private row(tenant: Tenant, port?: string): TenantRow {
    const host = `${tenant.id}.${this.base}`;
    return {
      tenant_id: tenant.id,
      name: tenant.item?.name ?? tenant.name,
      tier: tenant.item?.tier ?? null,
      desired_state: tenant.item?.desired_state ?? null,
      status: tenant.status,
      operation:
        tenant.status === 'NOT_SEEN' || !tenant.state
          ? null
          : {
              kind: tenant.kind,
              state: tenant.state,
              stage: tenant.stages.at(-1)?.name ?? '',
              started_at: tenant.startedAt,
            },
      last_error: tenant.lastError,
      host,
      url: `http://${host}${port ? `:${port}` : ''}/`,
      live_since: tenant.liveSince,
      updated_at: tenant.updatedAt,
      requested_by: tenant.requestedBy,
      requested_at: tenant.requestedAt,
      due_for: tenant.dueFor,
      due_at: tenant.dueAt,
    };
  }

  list(query: URLSearchParams, port?: string) {
    const search = (query.get('q') ?? '').toLowerCase();
    const status = query.get('status');
    const removed = query.get('removed') === 'true';
    const rows = [...this.tenants.values()]
      .filter((tenant) => (tenant.item === null) === removed)
      .map((tenant) => this.row(tenant, port))
      .filter((row) => !status || row.status === status || row.operation?.state === status)
      .filter((row) => row.tenant_id.includes(search) || row.name?.toLowerCase().includes(search))
      .sort((one, other) => (one.tenant_id < other.tenant_id ? -1 : 1));
    const from = Number(query.get('cursor') ?? 0);
    const to = from + Number(query.get('limit') ?? 50);
    return { items: rows.slice(from, to), next: to < rows.length ? String(to) : null };
  }

  detail(id: string, port?: string): TenantDetail {
    const tenant = this.find(id);
    const effect = (system: string, target: string) => ({
      system,
      state: 'DONE',
      generation: tenant.generation,
      attempt: tenant.attempt,
      target,
      at: tenant.updatedAt,
    });
    const there = tenant.status === 'ACTIVE' || tenant.status === 'SUSPENDED';
    return {
      ...this.row(tenant, port),
      item: tenant.item,
      etag: tenant.item ? `"${tenant.revision}"` : null,
      record: {
        generation: tenant.generation,
        attempt: tenant.attempt,
        schema_version: there ? 1 : null,
        database_path: there ? `${id}/5f0c9b7e2d6a4c31b8e7f0a1d2c3b4e5.duckdb` : null,
      },
      effects: there
        ? [
            effect('cdn_aliases', `${id}.${this.base}`),
            effect('dns_records', 'd111111abcdef8.cloudfront.net'),
            effect('tenant_database', `${id}/5f0c9b7e2d6a4c31b8e7f0a1d2c3b4e5.duckdb`),
            effect('edge_cache', `tenant:${id}`),
          ]
        : [],
      events: tenant.history.slice(0, 20),
      progress: this.progress(tenant, port),
    };
  }

  private progress(tenant: Tenant, port?: string): Progress {
    return {
      tenant_id: tenant.id,
      status: tenant.status,
      run: tenant.status === 'NOT_SEEN' ? null : `${tenant.generation}.${tenant.attempt}`,
      kind: tenant.kind,
      state: tenant.state,
      stage: tenant.stages.at(-1)?.name ?? null,
      stages: tenant.stages,
      started_at: tenant.startedAt,
      last_error: tenant.lastError,
      ended: ['SUCCEEDED', 'FAILED', 'STALLED', 'HELD'].includes(tenant.state ?? ''),
      url: this.row(tenant, port).url,
    };
  }

  progressAfter(id: string, after: string | null, port?: string) {
    const tenant = this.find(id);
    const progress = this.progress(tenant, port);
    if (after !== null && tenant.attempt <= Number(after)) {
      return {
        version: 'waiting',
        progress: { ...progress, run: null, state: 'WAITING' as const, stages: [], ended: false },
      };
    }
    return { version: tenant.version, progress };
  }

  history(id: string, query: URLSearchParams) {
    const from = Number(query.get('cursor') ?? 0);
    const to = from + Number(query.get('limit') ?? 50);
    const { history } = this.find(id);
    return { items: history.slice(from, to), next: to < history.length ? String(to) : null };
  }

  check(id: string): NameCheck {
    const others = [...this.tenants.values()].filter((tenant) => tenant.status !== 'OFFBOARDED');
    return checkName(
      id,
      others.map((tenant) => tenant.id),
      this.base,
    );
  }

  // --- changing -------------------------------------------------------------------------------------------------------

  private asked(tenant: Tenant, by: string) {
    tenant.requestedBy = by;
    tenant.requestedAt = now();
    tenant.version += 1;
    tenant.revision += 1;
    return {
      tenant_id: tenant.id,
      changed: true,
      requested_by: by,
      requested_at: tenant.requestedAt,
      after: String(tenant.attempt),
      etag: `"${tenant.revision}"`,
    };
  }

  private checkFields(body: Partial<Item>) {
    const errors = [];
    if (body.name !== undefined && !body.name)
      errors.push({ field: 'name', message: 'must have 1 to 80 characters, and has 0' });
    if (body.name && body.name.length > 80) {
      errors.push({ field: 'name', message: `must have 1 to 80 characters, and has ${body.name.length}` });
    }
    if (body.contact_email && !/.@.+\./.test(body.contact_email)) {
      errors.push({ field: 'contact_email', message: 'must be an e-mail address of at most 254 characters' });
    }
    if (errors.length > 0) throw new Refusal(422, 'invalid', errors);
  }

  create(body: Record<string, unknown>, by: string) {
    const item = body as unknown as Item;
    this.checkFields({ ...item, name: item.name ?? '' });
    const before = this.tenants.get(item.tenant_id);
    if (before?.state === 'HELD') {
      before.item = { ...item };
      const asked = this.asked(before, by);
      this.run(before, 'update');
      return asked;
    }
    const check = this.check(item.tenant_id);
    if (check.code === 'taken') throw new Refusal(409, 'exists');
    if (!check.ok) throw new Refusal(422, 'invalid', [{ field: 'tenant_id', message: check.rule ?? '' }]);
    const tenant = standing(item.tenant_id, item.name, 'NOT_SEEN', { ...item, tier: item.tier ?? 'standard' });
    this.tenants.set(tenant.id, tenant);
    Object.assign(tenant, {
      history: [],
      stages: [],
      state: null,
      attempt: 0,
      liveSince: null,
      updatedAt: now(),
      generation: 0,
    });
    const asked = this.asked(tenant, by);
    setTimeout(() => this.run(tenant, 'onboard'), 300);
    return asked;
  }

  change(id: string, body: Record<string, unknown>, ifMatch: string, by: string) {
    const tenant = this.find(id);
    if (!tenant.item) throw new Refusal(404);
    if (!ifMatch) throw new Refusal(428, 'if_match_required');
    if (ifMatch !== `"${tenant.revision}"`) throw new Refusal(412, 'changed_meanwhile');
    this.checkFields(body as Partial<Item>);
    const changed = Object.fromEntries(
      Object.entries(body)
        .map(([name, after]) => [name, { before: tenant.item?.[name as keyof Item] ?? null, after }] as const)
        .filter(([, { before, after }]) => JSON.stringify(before) !== JSON.stringify(after)),
    );
    tenant.item = { ...tenant.item, ...(body as Partial<Item>) };
    const asked = this.asked(tenant, by);
    this.run(tenant, 'update', changed);
    return asked;
  }

  desire(id: string, state: 'active' | 'suspended', by: string) {
    const tenant = this.find(id);
    if (!tenant.item) throw new Refusal(404);
    const before = tenant.item.desired_state;
    if (before === state) return { ...this.asked(tenant, by), changed: false, after: null };
    tenant.item = { ...tenant.item, desired_state: state };
    const asked = this.asked(tenant, by);
    this.run(tenant, state === 'active' ? 'resume' : 'suspend', { desired_state: { before, after: state } });
    return asked;
  }

  retry(id: string, by: string) {
    const tenant = this.find(id);
    const asked = this.asked(tenant, by);
    this.run(tenant, tenant.liveSince ? 'update' : 'onboard');
    return asked;
  }

  remove(id: string, by: string) {
    const tenant = this.find(id);
    const item = tenant.item;
    if (!item) throw new Refusal(404);
    tenant.item = null;
    const asked = this.asked(tenant, by);
    tenant.attempt += 1;
    tenant.kind = 'offboard';
    tenant.state = 'HELD';
    tenant.dueFor = 'offboard';
    tenant.dueAt = new Date(Date.now() + GRACE).toISOString();
    tenant.version += 1;
    setTimeout(() => {
      if (tenant.item === null) this.run(tenant, 'offboard');
    }, GRACE);
    return { ...asked, item };
  }

  // --- the control plane ----------------------------------------------------------------------------------------------

  private run(tenant: Tenant, kind: string, changed: HistoryEntry['changed'] = {}) {
    tenant.attempt += 1;
    if (kind !== 'offboard') tenant.generation += 1;
    Object.assign(tenant, { kind, state: 'RUNNING', stages: [], startedAt: now(), dueAt: null, dueFor: null });
    if (tenant.status === 'NOT_SEEN' || tenant.status === 'FAILED') tenant.status = 'PENDING';
    if (kind === 'suspend') tenant.status = 'SUSPENDED';
    if (kind === 'offboard') tenant.status = 'OFFBOARDING';
    this.step(tenant, tenant.attempt, kind === 'offboard' ? DOWN : UP, changed);
  }

  private step(tenant: Tenant, attempt: number, plan: string[], changed: HistoryEntry['changed']) {
    if (tenant.attempt !== attempt) return; // another run has taken over
    const [name, ...rest] = plan;
    if (!name) return this.end(tenant);
    const stage: Stage = { name, event: null, state: 'running', started_at: now(), seconds: null };
    tenant.stages = [...tenant.stages, stage];
    tenant.version += 1;
    const seconds = name === 'CreateDnsRecords' || name === 'VerifyTenant' ? 0.2 : 0.08;
    setTimeout(() => {
      if (tenant.attempt !== attempt) return;
      tenant.updatedAt = now();
      if (tenant.id.startsWith('falla') && name === FOREIGN.stage && tenant.failures === 0)
        return this.fail(tenant, stage);
      const event = rest.length === 0 ? (LAST[tenant.kind] ?? EVENTS[name] ?? name) : (EVENTS[name] ?? name);
      tenant.stages = [...tenant.stages.slice(0, -1), { ...stage, event, state: 'done', seconds }];
      note(tenant, event, name, now(), name === 'ClaimTenant' ? { changed } : {});
      tenant.version += 1;
      this.step(tenant, attempt, rest, {});
    }, seconds * 1000);
  }

  private end(tenant: Tenant) {
    tenant.state = 'SUCCEEDED';
    tenant.lastError = null;
    if (tenant.kind === 'offboard') tenant.status = 'OFFBOARDED';
    else if (tenant.kind !== 'suspend' && tenant.item?.desired_state !== 'suspended') tenant.status = 'ACTIVE';
    if (tenant.status === 'ACTIVE') tenant.liveSince ??= now();
    tenant.version += 1;
  }

  private fail(tenant: Tenant, stage: Stage) {
    tenant.failures += 1;
    tenant.stages = [...tenant.stages.slice(0, -1), { ...stage, state: 'failed', seconds: 0.7 }];
    tenant.status = 'FAILED';
    tenant.state = 'FAILED';
    tenant.lastError = FOREIGN;
    note(tenant, 'TenantOnboardingFailed', stage.name, now(), {
      code: FOREIGN.code,
      message: FOREIGN.message,
      es: FOREIGN.es,
    });
    tenant.version += 1;
  }
}
