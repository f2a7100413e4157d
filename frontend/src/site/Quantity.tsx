import { useState } from 'react';
import { quantity as shownQuantity } from '../language/formats.ts';
import { useLanguage, useWords } from '../language/language.tsx';
import { MOST, type Shopping, typedQuantity } from './cart.ts';
import type { Product } from './types.ts';
import { siteWords } from './words.ts';

/** Show − 1 +, where the number can be typed too: half a kilo is 0,5. */
export function Quantity({ product, quantity, shopping }: { product: Product; quantity: number; shopping: Shopping }) {
  const words = useWords(siteWords);
  const language = useLanguage();
  const [typed, setTyped] = useState<string | null>(null);
  const put = (value: number) => shopping.put(product.product_id, value);

  return (
    <fieldset className="quantity">
      <legend className="hidden">{words.quantityOf(product.name)}</legend>
      <button
        type="button"
        aria-label={quantity > 1 ? words.less(product.name) : words.remove(product.name)}
        onClick={() => put(quantity > 1 ? quantity - 1 : 0)}
      >
        −
      </button>
      <input
        inputMode="decimal"
        aria-label={words.quantityOf(product.name)}
        value={typed ?? shownQuantity(quantity, language)}
        onFocus={(event) => event.target.select()}
        onChange={(event) => {
          setTyped(event.target.value);
          const value = typedQuantity(event.target.value);
          if (value !== null) put(value);
        }}
        onBlur={() => setTyped(null)}
        aria-invalid={typed !== null && typedQuantity(typed) === null ? true : undefined}
      />
      <button type="button" aria-label={words.more(product.name)} onClick={() => put(Math.min(MOST, quantity + 1))}>
        +
      </button>
    </fieldset>
  );
}
