import { expect, test } from 'vitest';
import { brandProperties, contrast, parsed } from './colour.ts';

const rgb = (text: string | undefined) => {
  const [red = 0, green = 0, blue = 0] = (text ?? '').match(/\d+/g)?.map(Number) ?? [];
  return [red, green, blue] as const;
};

test.each([
  ['#2e7d32', [46, 125, 50]],
  ['#FFF', [255, 255, 255]],
  [' #0a1 ', [0, 170, 17]],
])('%s is a colour', (text, value) => {
  expect(parsed(text)).toEqual(value);
});

test.each([
  'green',
  '#12',
  '#12345g',
  '#zzzzzz',
  'url(//evil.example)',
  '#2e7d32;color:red',
  '',
  7,
  true,
  null,
  undefined,
])('%j is none, and the page keeps its own', (text) => {
  expect(parsed(text)).toBeNull();
  expect(brandProperties(text)).toEqual({});
});

test('contrast is what WCAG says', () => {
  expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21);
  expect(contrast([255, 0, 0], [255, 255, 255])).toBeCloseTo(3.998, 2);
});

test('whatever colour a tenant chooses, text in it and on it is readable', () => {
  for (let red = 0; red < 256; red += 15) {
    for (let green = 0; green < 256; green += 15) {
      for (let blue = 0; blue < 256; blue += 15) {
        const hex = `#${[red, green, blue].map((value) => value.toString(16).padStart(2, '0')).join('')}`;
        const properties = brandProperties(hex);
        expect(contrast(rgb(properties['--tenant-on-brand']), [red, green, blue])).toBeGreaterThanOrEqual(4.5);
        expect(contrast(rgb(properties['--tenant-ink-light']), [233, 238, 235])).toBeGreaterThanOrEqual(4.5);
        expect(contrast(rgb(properties['--tenant-ink-dark']), [23, 32, 29])).toBeGreaterThanOrEqual(4.5);
      }
    }
  }
});
