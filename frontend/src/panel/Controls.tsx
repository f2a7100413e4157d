// What an operator may do to one tenant: try again, change, suspend, resume, remove, and put back what was just removed.

import { useState } from 'react';
import { Link } from 'react-router';
import { useWords } from '../language/language.tsx';
import { Notice } from '../ui/parts.tsx';
import { type Change, Confirmation } from './Confirmation.tsx';
import { problemWords } from './forms.tsx';
import { useAsk, useAttempt } from './requests.ts';
import type { Asked, Item, Progress, TenantDetail } from './types.ts';
import { panelWords } from './words.ts';

// The item of a tenant that was just removed here: putting it back within the grace period cancels the removal.
const removedItems = new Map<string, Item>();

/** Make the calls behind the controls. told: tells the page what was asked for. */
function useChanges(id: string, told: (answer: Asked) => void) {
  const ask = useAsk();
  const path = `/api/tenants/${encodeURIComponent(id)}`;

  async function change(what: Change | 'retry') {
    if (what === 'remove') {
      const headers = { 'Fluxion-Confirm': id };
      const answer = await ask<Asked & { item: Item }>(path, { method: 'DELETE', headers });
      removedItems.set(id, answer.item);
      told(answer);
    } else {
      told(await ask<Asked>(`${path}/${what}`, { method: 'POST' }));
    }
  }

  async function putBack({ tenant_id, name, tier, contact_email, settings, desired_state }: Item) {
    const body = { tenant_id, name, tier, contact_email: contact_email ?? undefined, settings, desired_state };
    told(await ask<Asked>('/api/tenants', { method: 'POST', body }));
    removedItems.delete(id);
  }
  return { change, putBack };
}

export function Controls({
  detail,
  progress,
  asked,
}: {
  detail: TenantDetail;
  progress: Progress | null;
  asked: (answer: Asked) => void;
}) {
  const words = useWords(panelWords);
  const [confirming, setConfirming] = useState<Change | null>(null);
  const [idle, setIdle] = useState(false);
  const { busy, problem, attempt } = useAttempt();
  // An answer that nothing has changed is worth a word: nothing will move.
  const { change, putBack } = useChanges(detail.tenant_id, (answer) => {
    setIdle(!answer.changed);
    asked(answer);
  });
  const state = progress?.state ?? detail.operation?.state;
  const kept = removedItems.get(detail.tenant_id);

  return (
    <div className="controls">
      <div className="actions">
        {detail.item && (state === 'FAILED' || state === 'STALLED') ? (
          <button type="button" className="button" disabled={busy} onClick={() => attempt(() => change('retry'))}>
            {words.retry}
          </button>
        ) : null}
        {detail.item ? <Changes item={detail.item} confirm={setConfirming} /> : null}
        {!detail.item && kept && detail.status !== 'OFFBOARDED' ? (
          <button type="button" className="button" disabled={busy} onClick={() => attempt(() => putBack(kept))}>
            {words.keep}
          </button>
        ) : null}
      </div>
      <Notice>{idle ? words.nothingToDo : null}</Notice>
      <Notice tone="bad">{problem ? problemWords(problem, words) : null}</Notice>
      {confirming ? (
        <Confirmation
          change={confirming}
          tenantId={detail.tenant_id}
          confirm={() => change(confirming)}
          close={() => setConfirming(null)}
        />
      ) : null}
    </div>
  );
}

/** Show the changes that are confirmed before they are asked for, and the way to the form. */
function Changes({ item, confirm }: { item: Item; confirm: (change: Change) => void }) {
  const words = useWords(panelWords);
  const turn = item.desired_state === 'suspended' ? 'resume' : 'suspend';
  return (
    <>
      <Link className="button quiet" to={`/tenants/${item.tenant_id}/edit`}>
        {words.edit}
      </Link>
      <button type="button" className="button quiet" onClick={() => confirm(turn)}>
        {words[turn]}
      </button>
      <button type="button" className="button quiet danger" onClick={() => confirm('remove')}>
        {words.remove}
      </button>
    </>
  );
}
