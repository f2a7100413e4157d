// What a visitor has put together. Pure functions, and one hook that keeps it in this browser.

import { useEffect, useMemo, useState } from 'react';
import type { Product } from './types.ts';

/** Map a product_id to its quantity. */
export type Cart = Readonly<Record<string, number>>;

export const MOST = 9999;
const MOST_LINES = 100;
const KEY = 'fluxion.cart';

/** Return what was typed as a quantity: more than 0, at most 9,999, at most three decimals. null for anything else. */
export function typedQuantity(text: string): number | null {
  const plain = text.trim().replace(',', '.');
  if (!/^(\d+\.?\d{0,3}|\.\d{1,3})$/.test(plain)) return null;
  const value = Number(plain);
  return value > 0 && value <= MOST ? value : null;
}

/** Return the cart with another quantity of a product; 0 takes it out. A full cart takes no further product. */
export function withQuantity(cart: Cart, productId: string, quantity: number): Cart {
  const { [productId]: before, ...others } = cart;
  if (quantity <= 0) return others;
  if (before === undefined && Object.keys(others).length >= MOST_LINES) return cart;
  return { ...cart, [productId]: Math.min(MOST, Math.round(quantity * 1000) / 1000) };
}

/** Return a line's total in cents, half a cent rounded up, as the API does. In whole numbers: 1.1 × 105 is not 115.5 otherwise. */
export function lineTotal(quantity: number, priceCents: number): number {
  return Math.floor((Math.round(quantity * 1000) * priceCents + 500) / 1000);
}

export type Line = { product: Product; quantity: number; total: number };

/** Return the cart's lines in the order of the catalogue. Products that are not for sale any more are left out. */
export function lines(cart: Cart, products: readonly Product[]): Line[] {
  return products.flatMap((product) => {
    const quantity = cart[product.product_id];
    return quantity ? [{ product, quantity, total: lineTotal(quantity, product.price_cents) }] : [];
  });
}

export function total(items: readonly Line[]): number {
  return items.reduce((sum, line) => sum + line.total, 0);
}

/** Return a cart that was kept: only what could have been put in. */
export function restored(text: string | null): Cart {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    if (!value || typeof value !== 'object' || Array.isArray(value)) return {};
    return Object.entries(value).reduce<Cart>(
      (cart, [id, quantity]) =>
        typeof quantity === 'number' && Number.isFinite(quantity) ? withQuantity(cart, id, quantity) : cart,
      {},
    );
  } catch {
    return {};
  }
}

export type Shopping = { cart: Cart; put: (productId: string, quantity: number) => void; empty: () => void };

export function useCart(): Shopping {
  const [cart, setCart] = useState<Cart>(() => {
    try {
      return restored(localStorage.getItem(KEY));
    } catch {
      return {};
    }
  });
  useEffect(() => {
    try {
      localStorage.setItem(KEY, JSON.stringify(cart));
    } catch {
      // Then it lasts as long as this page.
    }
  }, [cart]);
  return useMemo(
    () => ({
      cart,
      put: (productId, quantity) => setCart((before) => withQuantity(before, productId, quantity)),
      empty: () => setCart({}),
    }),
    [cart],
  );
}
