import { type InputHTMLAttributes, type ReactNode, type TextareaHTMLAttributes, useId } from 'react';

type Common = { label: string; hint?: ReactNode; error?: string | undefined; optional?: string };
type InputProps = Common & InputHTMLAttributes<HTMLInputElement>;
type TextareaProps = Common & TextareaHTMLAttributes<HTMLTextAreaElement>;

function Frame({
  id,
  label,
  hint,
  error,
  optional,
  children,
}: Common & { id: string; children: (described: string | undefined) => ReactNode }) {
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>
        {label} {optional ? <span className="optional">{optional}</span> : null}
      </label>
      {children(described || undefined)}
      {hint ? (
        <div className="hint" id={`${id}-hint`}>
          {hint}
        </div>
      ) : null}
      {error ? (
        <p className="error" id={`${id}-error`}>
          {error}
        </p>
      ) : null}
    </div>
  );
}

/** Show a labelled input; its hint and its error are read together with it. */
export function Field({ label, hint, error, optional, ...input }: InputProps) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error} {...(optional ? { optional } : {})}>
      {(described) => <input id={id} aria-describedby={described} aria-invalid={error ? true : undefined} {...input} />}
    </Frame>
  );
}

export function LongField({ label, hint, error, optional, ...area }: TextareaProps) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error} {...(optional ? { optional } : {})}>
      {(described) => (
        <textarea id={id} rows={3} aria-describedby={described} aria-invalid={error ? true : undefined} {...area} />
      )}
    </Frame>
  );
}
