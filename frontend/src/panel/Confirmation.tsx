import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import { Problem } from '../http.ts';
import { useWords } from '../language/language.tsx';
import { Notice } from '../ui/parts.tsx';
import { problemWords } from './forms.tsx';
import { panelWords } from './words.ts';

export type Change = 'suspend' | 'resume' | 'remove';

/** Ask for the tenant's id before a change that its visitors notice. */
export function Confirmation({
  change,
  tenantId,
  confirm,
  close,
}: {
  change: Change;
  tenantId: string;
  confirm: () => Promise<void>;
  close: () => void;
}) {
  const words = useWords(panelWords);
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const id = useId();

  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (typed !== tenantId || busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await confirm();
      dialog.current?.close();
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0));
      setBusy(false);
    }
  }

  return (
    // Closed before it is taken away: only then does the browser give the focus back to where it was.
    <dialog ref={dialog} aria-labelledby={`${id}-title`} onClose={close}>
      <form onSubmit={submit}>
        <h2 id={`${id}-title`}>{words.confirmTitle[change](tenantId)}</h2>
        <p>{words.confirmText[change]}</p>
        <div className="field">
          <label htmlFor={`${id}-id`}>{words.confirmLabel(tenantId)}</label>
          <input
            id={`${id}-id`}
            className="mono"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
          />
        </div>
        <Notice tone="bad">{problem ? problemWords(problem, words) : null}</Notice>
        <div className="actions">
          <button
            type="submit"
            className={change === 'remove' ? 'button danger' : 'button'}
            disabled={typed !== tenantId || busy}
          >
            {words[change]}
          </button>
          <button type="button" className="button quiet" onClick={() => dialog.current?.close()}>
            {words.cancel}
          </button>
        </div>
      </form>
    </dialog>
  );
}
