import { expect, test } from 'vitest';
import { duration, money, quantity } from './formats.ts';

const spaces = (text: string) => text.replace(/\s/gu, ' ');

test('pesos are shown whole, and cents only where there are any', () => {
  expect(spaces(money(980000, 'COP', 'es'))).toBe('$ 9.800');
  expect(spaces(money(980050, 'COP', 'es'))).toBe('$ 9.800,50');
  expect(spaces(money(1234500, 'EUR', 'en'))).toBe('€12,345');
});

test('quantities have at most three decimals', () => {
  expect(quantity(0.125, 'es')).toBe('0,125');
  expect(quantity(2, 'en')).toBe('2');
});

test('a duration changes its units as it grows', () => {
  expect(duration(0.04, 'es')).toBe('0,0 s');
  expect(duration(59.99, 'en')).toBe('59.9 s');
  expect(duration(60, 'en')).toBe('1 min 0 s');
  expect(duration(3599.9, 'en')).toBe('59 min 59 s');
  expect(duration(7260, 'es')).toBe('2 h 1 min');
});
