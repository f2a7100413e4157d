import { type FormEvent, useRef, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { Heading, Notice } from '../ui/parts.tsx';
import './order.css';
import { ask, Problem } from '../http.ts';
import { money } from '../language/formats.ts';
import { useLanguage, useWords } from '../language/language.tsx';
import { Field, LongField } from '../ui/Field.tsx';
import { fieldErrors, focusFirstInvalid } from '../ui/form.ts';
import { usePage } from '../ui/page.ts';
import { Suspended } from '../ui/pages.tsx';
import { type Line, lines, type Shopping, total } from './cart.ts';
import { keep } from './Placed.tsx';
import { Quantity } from './Quantity.tsx';
import type { Shop } from './Site.tsx';
import type { PlacedOrder } from './types.ts';
import { siteWords } from './words.ts';

type Customer = { name: string; phone: string; email: string; address: string; note: string };

const NOBODY: Customer = { name: '', phone: '', email: '', address: '', note: '' };

/** Return the body of POST /api/orders: what was left empty is not sent. */
export function orderBody(customer: Customer, items: readonly Line[]) {
  const { note, ...person } = customer;
  const filled = Object.entries(person)
    .map(([name, value]) => [name, value.trim()])
    .filter(([, value]) => value);
  return {
    customer: Object.fromEntries(filled) as Record<string, string>,
    lines: items.map((line) => ({ product_id: line.product.product_id, quantity: line.quantity })),
    ...(note.trim() ? { note: note.trim() } : {}),
  };
}

export function Order({ shop, shopping, reload }: { shop: Shop; shopping: Shopping; reload: () => Promise<void> }) {
  const words = useWords(siteWords);
  const heading = usePage(`${words.orderTitle} · ${shop.tenant.name}`);
  const items = lines(shopping.cart, shop.products);
  const [suspended, setSuspended] = useState(false);
  const [gone, setGone] = useState('');
  if (suspended) return <Suspended />;
  return (
    <div className="order">
      <p>
        <Link to="/">← {words.back}</Link>
      </p>
      <Heading at={heading}>{words.orderTitle}</Heading>
      <Notice tone="warn">{gone ? words.gone(gone) : null}</Notice>
      {items.length === 0 ? (
        <p className="notice">{words.orderEmpty}</p>
      ) : (
        <OrderForm
          items={items}
          shopping={shopping}
          onSuspended={() => setSuspended(true)}
          onGone={(line) => {
            setGone(line.product.name);
            shopping.put(line.product.product_id, 0);
            void reload();
          }}
        />
      )}
    </div>
  );
}

type FormProps = { items: Line[]; shopping: Shopping; onSuspended: () => void; onGone: (line: Line) => void };

/** Send an order. refused: what the API did not take, unless another page tells of it. */
function usePlacing({ items, shopping, onSuspended, onGone }: FormProps, refused: (problem: Problem) => void) {
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  // One key for one order, however often it is sent: the API then takes it once. Another order gets another key.
  const sent = useRef({ body: '', key: '' });

  function told(problem: Problem) {
    if (problem.code === 'suspended') return onSuspended();
    const foreign = problem.errors.map(({ field }) => /^lines\.(\d+)\.product_id$/.exec(field)?.[1]).find(Boolean);
    const line = foreign === undefined ? undefined : items[Number(foreign)];
    if (line) return onGone(line);
    refused(problem);
  }

  async function place(customer: Customer) {
    const body = orderBody(customer, items);
    const text = JSON.stringify(body);
    if (sent.current.body !== text) sent.current = { body: text, key: crypto.randomUUID() };
    setBusy(true);
    try {
      const headers = { 'Idempotency-Key': sent.current.key };
      const order = await ask<PlacedOrder>('/api/orders', { method: 'POST', body, headers });
      keep(order);
      shopping.empty();
      void navigate('/order/placed', { replace: true });
    } catch (error) {
      setBusy(false);
      told(error instanceof Problem ? error : new Problem(0));
    }
  }
  return { busy, place };
}

function OrderForm(props: FormProps) {
  const { items, shopping } = props;
  const words = useWords(siteWords);
  const [customer, setCustomer] = useState(NOBODY);
  const [missing, setMissing] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<Problem | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const { busy, place } = usePlacing(props, (refused) => {
    setProblem(refused);
    focusFirstInvalid(form.current);
  });
  const errors = { ...fieldErrors(problem, words.wrong), ...missing };
  const sum = money(total(items), items[0]?.product.currency ?? 'COP', useLanguage());

  async function send(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    const incomplete = whatIsMissing(customer, words);
    setMissing(incomplete);
    setProblem(null);
    if (Object.keys(incomplete).length > 0) return focusFirstInvalid(form.current);
    await place(customer);
  }

  const field = (name: keyof Customer) => ({
    name,
    value: customer[name],
    disabled: busy,
    onChange: (event: { target: { value: string } }) => setCustomer({ ...customer, [name]: event.target.value }),
    error: errors[name === 'note' ? 'note' : `customer.${name}`],
  });

  return (
    <form className="order-form" ref={form} onSubmit={send} noValidate>
      <OrderLines items={items} sum={sum} shopping={shopping} errors={errors} />
      <section className="data" aria-labelledby="data">
        <h2 id="data">{words.yourData}</h2>
        <Field label={words.name} autoComplete="name" maxLength={120} required {...field('name')} />
        <div className="pair">
          <Field label={words.phone} type="tel" autoComplete="tel" maxLength={40} {...field('phone')} />
          <Field label={words.email} type="email" autoComplete="email" maxLength={254} {...field('email')} />
        </div>
        <p className="soft">{words.contactHint}</p>
        <Field
          label={words.address}
          optional={words.optional}
          autoComplete="street-address"
          maxLength={300}
          {...field('address')}
        />
        <LongField
          label={words.note}
          optional={words.optional}
          hint={words.noteHint}
          maxLength={500}
          {...field('note')}
        />
        <Notice tone="bad">{problem ? wordsFor(problem, words) : null}</Notice>
        <button type="submit" className="button brand" disabled={busy}>
          {busy ? words.placing : words.place(sum)}
        </button>
      </section>
    </form>
  );
}

type LinesProps = { items: Line[]; sum: string; shopping: Shopping; errors: Record<string, string | undefined> };

function OrderLines({ items, sum, shopping, errors }: LinesProps) {
  const words = useWords(siteWords);
  const language = useLanguage();
  return (
    <section className="lines" aria-labelledby="lines">
      <h2 id="lines">{words.cart}</h2>
      <ul>
        {items.map((line, at) => (
          <li key={line.product.product_id}>
            <span className="what">{line.product.name}</span>
            <Quantity product={line.product} quantity={line.quantity} shopping={shopping} />
            <span className="amount">{money(line.total, line.product.currency, language)}</span>
            {errors[`lines.${at}.quantity`] ? <span className="error">{words.badLine}</span> : null}
          </li>
        ))}
      </ul>
      <p className="sum">
        <span>{words.total}</span> <span className="amount">{sum}</span>
      </p>
      <p className="soft">{words.payHint}</p>
    </section>
  );
}

function whatIsMissing(customer: Customer, words: typeof siteWords.es): Record<string, string> {
  return {
    ...(customer.name.trim() ? {} : { 'customer.name': words.nameMissing }),
    ...(customer.phone.trim() || customer.email.trim() ? {} : { 'customer.phone': words.contactMissing }),
  };
}

function wordsFor(problem: Problem, words: typeof siteWords.es): string {
  if (problem.status === 0) return words.offline;
  if (problem.status === 422) return words.refused;
  if (problem.status >= 500) return words.unavailable;
  return words.failed;
}
