import { describe, expect, test } from 'vitest';
import { faceOf, getTenantId } from './face.ts';

const BASE = 'fluxionia.co';

describe('a tenant is known by the one label in front of the base domain', () => {
  test.each([
    ['granja.fluxionia.co', 'granja'],
    ['GRANJA.Fluxionia.CO', 'granja'],
    ['granja.fluxionia.co.', 'granja'],
    ['granja.fluxionia.co:8443', 'granja'],
    ['granja.fluxionia.co.:8443', 'granja'],
    ['la-granja-2.fluxionia.co', 'la-granja-2'],
    ['abc.fluxionia.co', 'abc'],
    [`${'a'.repeat(32)}.fluxionia.co`, 'a'.repeat(32)],
    ['administra.fluxionia.co', 'administra'],
  ])('%s is the host of %s', (host, tenant) => {
    expect(getTenantId(host, BASE)).toBe(tenant);
    expect(faceOf(host, BASE)).toEqual({ kind: 'site', tenantId: tenant });
  });
});

describe('no tenant is read out of any other host', () => {
  test.each([
    'www.fluxionia.co',
    'api.fluxionia.co',
    'auth.fluxionia.co',
    'origin.fluxionia.co',
    'x.granja.fluxionia.co',
    'admin.granja.fluxionia.co',
    'granja.fluxionia.com',
    'granja.otherfluxionia.co',
    'granjafluxionia.co',
    'fluxionia.co.evil.example',
    'granja.fluxionia.co.evil.example',
    'co',
    'localhost',
    '127.0.0.1',
    '[::1]:8443',
    '',
    '.fluxionia.co',
    '..fluxionia.co',
    'ab.fluxionia.co',
    `${'a'.repeat(33)}.fluxionia.co`,
    '-granja.fluxionia.co',
    'granja-.fluxionia.co',
    'gran_ja.fluxionia.co',
    'gränja.fluxionia.co',
  ])('%j is nobody’s', (host) => {
    expect(getTenantId(host, BASE)).toBeNull();
    expect(faceOf(host, BASE)).toEqual({ kind: 'unknown' });
  });

  test('without a base domain nothing is anybody’s', () => {
    expect(faceOf('granja.fluxionia.co', '')).toEqual({ kind: 'unknown' });
    expect(faceOf('', '')).toEqual({ kind: 'unknown' });
  });
});

test.each(['fluxionia.co', 'FLUXIONIA.co', 'fluxionia.co.', 'fluxionia.co:443'])('%s is the landing page', (host) => {
  expect(faceOf(host, BASE)).toEqual({ kind: 'landing' });
  expect(getTenantId(host, BASE)).toBeNull();
});

test.each(['admin.fluxionia.co', 'ADMIN.fluxionia.co:8443', 'admin.fluxionia.co.'])('%s is the panel', (host) => {
  expect(faceOf(host, BASE)).toEqual({ kind: 'panel' });
  expect(getTenantId(host, BASE)).toBeNull();
});

test('the base domain may itself be several labels deep', () => {
  expect(getTenantId('granja.shops.example.co.uk', 'shops.example.co.uk')).toBe('granja');
  expect(getTenantId('shops.example.co.uk', 'example.co.uk')).toBe('shops');
  expect(faceOf('granja.fluxionia.localhost', 'fluxionia.localhost').kind).toBe('site');
});
