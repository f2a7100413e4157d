// Searching and sorting what a shop has. Values in, values out.

import { ask, withQuery } from '../http.ts';
import type { Page, Product } from './types.ts';

const MOST_PAGES = 20; // 2,000 products; a shop with more needs another kind of page

/** Return all products for sale, as the edge keeps them: its copies are shared, so one visitor's cost is everyone's. */
export async function allProducts(signal?: AbortSignal): Promise<Product[]> {
  const products: Product[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const found: Page<Product> = await ask(withQuery('/api/products', { limit: 100, cursor }), { signal });
    products.push(...found.items);
    cursor = found.next;
    if (!cursor) break;
  }
  return products;
}

/** Return a text without case and accents: people search for `maracuya`. */
export function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

export function categories(products: readonly Product[]): string[] {
  return [...new Set(products.map((product) => product.category))];
}

/** Return the products of a category ('' for all) in whose name or description every word of the search is found. */
export function found(products: readonly Product[], category: string, search: string): Product[] {
  const words = folded(search).split(/\s+/).filter(Boolean);
  return products.filter((product) => {
    if (category && product.category !== category) return false;
    const text = folded(`${product.name} ${product.description}`);
    return words.every((word) => text.includes(word));
  });
}
