import { describe, expect, test } from 'vitest';
import { lines, lineTotal, restored, total, typedQuantity, withQuantity } from './cart.ts';
import { categories, found } from './catalogue.ts';
import type { Product } from './types.ts';

const product = (product_id: string, price_cents: number, more: Partial<Product> = {}): Product => ({
  product_id,
  name: product_id,
  description: '',
  category: 'Frutas',
  unit: 'kg',
  price_cents,
  currency: 'COP',
  available: true,
  ...more,
});

const LULO = product('lulo', 740000, { name: 'Lulo', description: 'Ácido y aromático, para jugo' });
const MARACUYA = product('maracuya', 620000, { name: 'Maracuyá', description: 'Para jugo, salsa o postre' });
const YUCA = product('yuca', 360000, { name: 'Yuca', category: 'Verduras' });
const SHOP = [LULO, MARACUYA, YUCA];

describe('quantities', () => {
  test.each([
    ['1', 1],
    ['0,5', 0.5],
    ['0.125', 0.125],
    [' 2. ', 2],
    ['.5', 0.5],
    ['9999', 9999],
  ])('%j is %d', (text, value) => expect(typedQuantity(text)).toBe(value));

  test.each(['', '0', '0.000', '-1', '1e3', '10000', '1.2345', '1,2,3', 'uno', 'NaN', 'Infinity', '0x1'])(
    '%j is none',
    (text) => expect(typedQuantity(text)).toBeNull(),
  );
});

test('a line costs what the API says, half a cent rounded up', () => {
  expect(lineTotal(1.1, 105)).toBe(116);
  expect(lineTotal(0.5, 1)).toBe(1);
  expect(lineTotal(0.499, 1)).toBe(0);
  expect(lineTotal(0.333, 300)).toBe(100);
  expect(lineTotal(9999, 100_000_000)).toBe(999_900_000_000);
});

test('a cart has each product once, and 0 takes it out', () => {
  const cart = withQuantity(withQuantity({}, 'lulo', 1), 'lulo', 2.5);
  expect(cart).toEqual({ lulo: 2.5 });
  expect(withQuantity(cart, 'lulo', 0)).toEqual({});
  expect(withQuantity(cart, 'lulo', 20_000)).toEqual({ lulo: 9999 });
});

test('a cart takes a hundred products and no more', () => {
  let cart = {};
  for (let at = 0; at < 101; at += 1) cart = withQuantity(cart, `p${at}`, 1);
  expect(Object.keys(cart)).toHaveLength(100);
  expect(withQuantity(cart, 'p5', 2)).toMatchObject({ p5: 2 });
});

test('lines come in the order of the catalogue, and what is not for sale any more is left out', () => {
  const items = lines({ yuca: 2, gone: 1, lulo: 0.5 }, SHOP);
  expect(items.map((line) => line.product.product_id)).toEqual(['lulo', 'yuca']);
  expect(total(items)).toBe(370000 + 720000);
});

test.each([null, '', '{', '[]', '7', 'null', '{"a":"x","b":null,"c":-1}'])('%j restores an empty cart', (text) => {
  expect(restored(text)).toEqual({});
});

test('a kept cart is restored', () => {
  expect(restored('{"lulo":1.5,"evil":"2"}')).toEqual({ lulo: 1.5 });
});

describe('search', () => {
  test('neither case nor accents count, and every word must be found', () => {
    expect(found(SHOP, '', 'MARACUYA')).toEqual([MARACUYA]);
    expect(found(SHOP, '', 'jugo acido')).toEqual([LULO]);
    expect(found(SHOP, '', 'jugo yuca')).toEqual([]);
    expect(found(SHOP, '', '  ')).toEqual(SHOP);
  });
  test('within a category', () => {
    expect(found(SHOP, 'Frutas', 'yuca')).toEqual([]);
    expect(found(SHOP, 'Verduras', '')).toEqual([YUCA]);
    expect(categories(SHOP)).toEqual(['Frutas', 'Verduras']);
  });
});
