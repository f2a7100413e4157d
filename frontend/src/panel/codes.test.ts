// No code of the control plane without its words, in both languages: read from where the product has them.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeWords } from './codes.ts';

const ROOT = `${process.cwd()}/..`;
const text = (path: string) => readFileSync(`${ROOT}/${path}`, 'utf8');

/** Values of a Python enumeration. */
function members(path: string, name: string): string[] {
  const body = text(path).split(`class ${name}(StrEnum):`)[1]?.split('\n\n\n')[0] ?? '';
  return [...body.matchAll(/^ {4}[A-Z_]+ = "(\w+)"$/gm)].map(([, value]) => String(value));
}

function states(): string[] {
  return readdirSync(`${ROOT}/statemachine`)
    .filter((name) => name.endsWith('.asl.json'))
    .flatMap((name) => Object.keys(JSON.parse(text(`statemachine/${name}`)).States));
}

const schemas = readdirSync(`${ROOT}/events/schemas`).map((name) => name.replace(/\.json$/, ''));
const nameRules = members('layers/tenancy/tenancy/domain/hostnames.py', 'Rule');

const CODES: [keyof typeof codeWords.es, number, string[]][] = [
  ['stages', 20, states()],
  ['events', 20, schemas],
  ['statuses', 7, members('layers/tenancy/tenancy/domain/record.py', 'Status')],
  ['statusHelp', 7, members('layers/tenancy/tenancy/domain/record.py', 'Status')],
  ['states', 6, members('layers/tenancy/tenancy/domain/record.py', 'OperationState')],
  ['kinds', 5, members('layers/tenancy/tenancy/domain/record.py', 'OperationKind')],
  ['drift', 16, members('layers/tenancy/tenancy/domain/drift.py', 'Kind')],
];

test.each(CODES)('every code among %s has its words', (kind, atLeast, codes) => {
  expect(codes.length).toBeGreaterThanOrEqual(atLeast);
  for (const words of [codeWords.es, codeWords.en]) {
    expect(codes.filter((code) => !words[kind][code])).toEqual([]);
  }
});

test('every rule that a name may break is said in Spanish', () => {
  expect(nameRules.length).toBeGreaterThanOrEqual(7);
  expect([...nameRules, 'taken', 'looks_taken'].filter((code) => !codeWords.es.rules[code])).toEqual([]);
});

test('both languages know the same codes', () => {
  for (const [kind, words] of Object.entries(codeWords.es)) {
    if (kind === 'rules') continue; // in English they are the API's
    expect(Object.keys(codeWords.en[kind as keyof typeof codeWords.en])).toEqual(Object.keys(words));
  }
});
