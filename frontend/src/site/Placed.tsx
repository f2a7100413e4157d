import { Link, Navigate } from 'react-router';
import { money, quantity } from '../language/formats.ts';
import { useLanguage, useWords } from '../language/language.tsx';
import { usePage } from '../ui/page.ts';
import { Heading } from '../ui/parts.tsx';
import type { Shop } from './Site.tsx';
import type { PlacedOrder } from './types.ts';
import { siteWords } from './words.ts';

const KEY = 'fluxion.placed';
let last: PlacedOrder | null = null;

/** Keep the order just placed, so that its page survives a reload. It goes with the tab: others may use the browser. */
export function keep(order: PlacedOrder): void {
  last = order;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(order));
  } catch {
    // Then it lasts as long as the page.
  }
}

function kept(): PlacedOrder | null {
  if (last) return last;
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as PlacedOrder | null;
  } catch {
    return null;
  }
}

export function Placed({ shop }: { shop: Shop }) {
  const order = kept();
  return order ? <Receipt shop={shop} order={order} /> : <Navigate to="/" replace />;
}

function Receipt({ shop, order }: { shop: Shop; order: PlacedOrder }) {
  const words = useWords(siteWords);
  const language = useLanguage();
  const heading = usePage(`${words.placedTitle} · ${shop.tenant.name}`);
  return (
    <div className="placed">
      <Heading at={heading}>{words.placedTitle}</Heading>
      <p className="lead">{words.placedText(shop.tenant.name)}</p>
      <section className="receipt">
        <p className="number">
          <span>{words.number}</span>
          <b data-testid="order-number">{order.order_id}</b>
        </p>
        <ul>
          {order.lines.map((line) => (
            <li key={line.product_id}>
              <span>
                {quantity(line.quantity, language)} × {line.product_name}
              </span>
              <span className="amount">{money(line.line_total_cents, order.currency, language)}</span>
            </li>
          ))}
        </ul>
        <p className="sum">
          <span>{words.total}</span>{' '}
          <span className="amount">{money(order.total_cents, order.currency, language)}</span>
        </p>
      </section>
      <p>
        <Link className="button brand" to="/">
          {words.again}
        </Link>
      </p>
    </div>
  );
}
