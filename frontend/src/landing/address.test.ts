import { expect, test } from 'vitest';
import { besides, suggestedLabel } from './address.ts';

test.each([
  ['La Granja Mercado', 'la-granja-mercado'],
  ['Panadería Ñandú', 'panaderia-nandu'],
  ['  Frutas & Verduras, S.A.S. ', 'frutas-y-verduras-s-a-s'],
  ["D'Antojo", 'dantojo'],
  ['Ⅷ ﬁn', 'viii-fin'],
  ['¡¿?!', ''],
  ['', ''],
  ['a'.repeat(40), 'a'.repeat(32)],
  [`${'a'.repeat(31)} bcd`, 'a'.repeat(31)],
])('%j could be %j', (name, label) => {
  expect(suggestedLabel(name)).toBe(label);
});

test('another host keeps the scheme and the port of this one', () => {
  expect(besides({ protocol: 'https:', port: '' }, 'admin', 'fluxionia.co')).toBe('https://admin.fluxionia.co/');
  expect(besides({ protocol: 'https:', port: '8443' }, 'x', 'f.localhost')).toBe('https://x.f.localhost:8443/');
});
