import { useDeferredValue, useEffect, useRef } from 'react';
import { Link, useSearchParams } from 'react-router';
import { money, quantity as shownQuantity } from '../language/formats.ts';
import { useLanguage, useWords } from '../language/language.tsx';
import { usePage } from '../ui/page.ts';
import { Heading } from '../ui/parts.tsx';
import { lines, type Shopping, total } from './cart.ts';
import { categories, found } from './catalogue.ts';
import { Quantity } from './Quantity.tsx';
import type { Shop } from './Site.tsx';
import type { Product } from './types.ts';
import { siteWords } from './words.ts';

export function Catalogue({ shop, shopping }: { shop: Shop; shopping: Shopping }) {
  const words = useWords(siteWords);
  const heading = usePage(shop.tenant.name);
  const [parameters, setParameters] = useSearchParams();
  const category = parameters.get('category') ?? '';
  const search = parameters.get('q') ?? '';
  const shown = found(shop.products, category, useDeferredValue(search));

  // In the address, so that a search can be sent to somebody; not in the history, which would fill with letters.
  const narrow = (changes: Record<string, string>) => {
    const next = new URLSearchParams(parameters);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    setParameters(next, { replace: true, preventScrollReset: true });
  };

  return (
    <div className="with-cart">
      <section className="catalogue">
        <div className="find">
          <Heading at={heading}>{words.catalogue}</Heading>
          {shop.products.length > 0 ? (
            <>
              <input
                type="search"
                aria-label={words.search}
                placeholder={words.search}
                value={search}
                maxLength={100}
                onChange={(event) => narrow({ q: event.target.value })}
              />
              <fieldset className="chips">
                <legend className="hidden">{words.categories}</legend>
                {['', ...categories(shop.products)].map((name) => (
                  <button
                    key={name}
                    type="button"
                    aria-pressed={name === category}
                    onClick={() => narrow({ category: name })}
                  >
                    {name || words.all}
                  </button>
                ))}
              </fieldset>
            </>
          ) : null}
          <p className="hidden" role="status">
            {words.foundCount(shown.length)}
          </p>
        </div>
        {shop.products.length === 0 ? <p className="notice">{words.empty}</p> : null}
        {shop.products.length > 0 && shown.length === 0 ? (
          <div className="nothing">
            <p>{words.none}</p>
            <button type="button" className="button quiet" onClick={() => narrow({ q: '', category: '' })}>
              {words.showAll}
            </button>
          </div>
        ) : null}
        {categories(shown).map((name) => (
          <section key={name} className="shelf" aria-label={name}>
            <h2>{name}</h2>
            <ul>
              {shown
                .filter((product) => product.category === name)
                .map((product) => (
                  <Item key={product.product_id} product={product} shopping={shopping} />
                ))}
            </ul>
          </section>
        ))}
      </section>
      <CartBeside shop={shop} shopping={shopping} />
    </div>
  );
}

function Item({ product, shopping }: { product: Product; shopping: Shopping }) {
  const words = useWords(siteWords);
  const language = useLanguage();
  const quantity = shopping.cart[product.product_id];
  const item = useRef<HTMLLIElement>(null);
  const taken = Boolean(quantity);
  const before = useRef(taken);
  useEffect(() => {
    // The button that was pressed is gone, and its successor takes over: who works by keyboard goes on from there.
    if (before.current !== taken && document.activeElement === document.body) {
      item.current?.querySelector<HTMLButtonElement>('button:last-of-type')?.focus({ preventScroll: true });
    }
    before.current = taken;
  }, [taken]);
  return (
    <li className="item" ref={item}>
      <div>
        <h3>{product.name}</h3>
        {product.description ? <p className="description">{product.description}</p> : null}
      </div>
      <p className="price">
        <b>{money(product.price_cents, product.currency, language)}</b> <span>{words.per(product.unit)}</span>
      </p>
      {quantity ? (
        <Quantity product={product} quantity={quantity} shopping={shopping} />
      ) : (
        <button
          type="button"
          className="add"
          aria-label={words.addOf(product.name)}
          onClick={() => shopping.put(product.product_id, 1)}
        >
          {words.add}
        </button>
      )}
    </li>
  );
}

/** Show the order so far: a column beside the catalogue, or a bar below it where there is no room for one. */
function CartBeside({ shop, shopping }: { shop: Shop; shopping: Shopping }) {
  const words = useWords(siteWords);
  const language = useLanguage();
  const items = lines(shopping.cart, shop.products);
  const sum = money(total(items), items[0]?.product.currency ?? 'COP', language);
  return (
    <>
      <aside className="cart" aria-labelledby="cart">
        <h2 id="cart">{words.cart}</h2>
        {items.length === 0 ? (
          <p className="soft">{words.cartEmpty}</p>
        ) : (
          <>
            <ul>
              {items.map(({ product, quantity, total: cost }) => (
                <li key={product.product_id}>
                  <span>
                    {shownQuantity(quantity, language)} × {product.name}
                  </span>
                  <span className="amount">{money(cost, product.currency, language)}</span>
                </li>
              ))}
            </ul>
            <p className="sum">
              <span>{words.total}</span> <span className="amount">{sum}</span>
            </p>
            <Link className="button brand" to="/order">
              {words.toOrder}
            </Link>
          </>
        )}
      </aside>
      {items.length > 0 ? (
        <div className="cart-bar">
          <Link className="button brand" to="/order">
            <span>{words.barOrder(items.length)}</span> <span className="amount">{sum}</span>
          </Link>
        </div>
      ) : null}
    </>
  );
}
