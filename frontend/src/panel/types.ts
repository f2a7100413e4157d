// What the admin API answers, as far as the panel uses it.

export type Status =
  | 'NOT_SEEN'
  | 'PENDING'
  | 'ACTIVE'
  | 'SUSPENDED'
  | 'FAILED'
  | 'ROLLBACK_INCOMPLETE'
  | 'OFFBOARDING'
  | 'OFFBOARDED';

export type OperationState = 'WAITING' | 'RUNNING' | 'ROLLING_BACK' | 'SUCCEEDED' | 'FAILED' | 'STALLED' | 'HELD';

export type Me = {
  subject: string;
  email: string;
  role: 'operator' | 'viewer';
  expires_at: number;
  base_domain: string;
};

/** es: what the code means, and what to do, in Spanish; the message is in English only. */
export type LastError = {
  code: string;
  message: string;
  stage: string;
  remedy: string;
  es: { cause: string; remedy: string };
};

export type TenantRow = {
  tenant_id: string;
  name: string | null;
  tier: string | null;
  desired_state: string | null;
  status: Status;
  operation: { kind: string; state: OperationState; stage: string; started_at: string | null } | null;
  last_error: LastError | null;
  host: string;
  url: string;
  live_since: string | null;
  updated_at: string | null;
  requested_by: string | null;
  requested_at: string | null;
  due_for: string | null;
  due_at: string | null;
};

export type Settings = Record<string, string | number | boolean>;

/** Hold what an item may have that an operator may set. */
export type Item = {
  tenant_id: string;
  name: string;
  tier?: string;
  contact_email?: string | null;
  settings?: Settings;
  desired_state?: string;
};

export type Stage = {
  name: string;
  event: string | null;
  state: 'done' | 'running' | 'failed';
  started_at: string | null;
  seconds: number | null;
};

/** Give the whole picture of a tenant's run, each time. */
export type Progress = {
  tenant_id: string;
  status: Status;
  run: string | null;
  kind: string | null;
  state: OperationState | null;
  stage: string | null;
  stages: Stage[];
  started_at: string | null;
  last_error: LastError | null;
  ended: boolean;
  url: string;
};

export type HistoryEntry = {
  at: string;
  run: string;
  event: string;
  event_id: string | null;
  stage: string | null;
  requested_by: string | null;
  changed: Record<string, { before: unknown; after: unknown }>;
  code: string | null;
  message: string | null;
  /** Of a failure. */
  es: LastError['es'] | null;
  /** Of drift: what is, or was, not as it is on record. */
  found: { kind: string; where: string; what: string; repair: string }[];
};

export type Effect = {
  system: string;
  state: string;
  generation: number;
  attempt: number;
  target: string | null;
  at: string;
};

export type TenantDetail = TenantRow & {
  item: Item | null;
  etag: string | null;
  record: {
    generation?: number;
    attempt?: number;
    schema_version?: number | null;
    database_path?: string | null;
  } | null;
  effects: Effect[];
  events: HistoryEntry[];
  progress: Progress;
};

export type NameCheck = {
  tenant_id: string;
  ok: boolean;
  code: string | null;
  rule: string | null;
  like: string | null;
  host: string;
};

export type Asked = {
  tenant_id: string;
  changed: boolean;
  requested_by: string | null;
  requested_at: string | null;
  /** For the event stream; null where nothing was written. */
  after: string | null;
  etag: string | null;
};

export type Page<T> = { items: T[]; next: string | null };
