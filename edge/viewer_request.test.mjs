// node --test edge/            The same cases run in QuickJS, where the answers are compared: tests/pages/test_edge_function.py
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');
const handler = vm.runInNewContext(`${read('viewer_request.js')}; handler`);
const cases = JSON.parse(read('cases.json'));

function ask(host, uri, raw = null, method = 'GET') {
  const request = { method, uri, querystring: {}, headers: host ? { host: { value: host } } : {}, cookies: {} };
  Object.defineProperty(request, 'rawQueryString', { value: () => (raw === null ? undefined : raw) });
  return JSON.parse(JSON.stringify(handler({ version: '1.0', context: {}, viewer: {}, request })));
}

for (const uri of cases.pages)
  test(`${uri} is a page of the frontend`, () => {
    for (const host of cases.hosts) assert.equal(ask(host, uri).uri, '/index.html');
  });

for (const uri of cases.files)
  test(`${uri} is a file and stays what it is`, () => {
    for (const host of cases.hosts) assert.equal(ask(host, uri).uri, uri);
  });

for (const [host, uri, raw, location] of cases.redirects)
  test(`${host}${uri}${raw === null ? '' : `?${raw}`} is redirected to ${location}`, () => {
    const answer = ask(host, uri, raw);
    assert.equal(answer.statusCode, 301);
    assert.deepEqual(answer.headers, { location: { value: location } });
  });

test('nothing but the path of a request is changed', () => {
  const request = {
    method: 'HEAD',
    uri: '/order',
    querystring: { a: { value: '1' } },
    headers: { host: { value: 'granja.fluxionia.co' }, accept: { value: '*/*' } },
    cookies: { c: { value: 'd' } },
  };
  const answer = handler({ request: structuredClone(request) });
  assert.deepEqual(JSON.parse(JSON.stringify(answer)), { ...request, uri: '/index.html' });
});
