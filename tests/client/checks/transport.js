'use strict';

// H: what holds for every request.

const assert = require('node:assert/strict');
const { isRefused } = require('../catalog');
const { JSON_TYPE } = require('../shapes');

/** What makes Node's own fetch leave caching alone. */
const UNCACHED = { 'cache-control': 'max-age=0', pragma: 'x' };

module.exports = (check, { client, credentials, request }) => {
  check('H01', 'whoever has no credentials is turned away', async () => {
    const error = await isRefused(client.getEntities({ limit: 1 }), 401, 'AuthenticationError');
    assert.equal(error.cause.name, 'AuthenticationError');
  });

  check('H02', 'a body that is no JSON is refused', async () => {
    const send = init => request('/entities/by-refs', { method: 'POST', ...init });
    assert.equal((await send({ body: '{bad' })).status, 400);
    assert.equal((await send({ body: 'x', headers: { 'content-type': 'text/plain' } })).status, 400);
  });

  check('H03', 'an answer is JSON in UTF-8', async () => {
    const answer = await request('/entities/by-query?limit=1');
    assert.equal(answer.headers.get('content-type'), JSON_TYPE);
  });

  check('H04', 'facets that did not change are not sent again', async () => {
    const path = '/entity-facets?facet=kind';
    const etag = (await request(path)).headers.get('etag');
    assert.ok(etag);
    const again = await request(path, { headers: { 'if-none-match': etag, ...UNCACHED } });
    assert.equal(again.status, 304);
  });

  check('H05', 'the largest body that the client sends is taken', async () => {
    const entityRefs = [...Array(900).keys()].map(at => `component:default/${'x'.repeat(75)}${at}`);
    const { items } = await client.getEntitiesByRefs({ entityRefs, fields: ['kind'] }, credentials);
    assert.equal(items.length, 900);
  });

  check('H06', 'a list of fields needs no ETag; where it has one, it counts', async () => {
    const paths = [
      '/entities?limit=2&fields=kind',
      '/entities/by-query?limit=2&fields=kind',
      '/entities/by-query?limit=0&fields=kind',
    ];
    for (const path of paths) {
      const answer = await request(path);
      const etag = answer.headers.get('etag');
      const body = await answer.text();
      assert.equal(answer.headers.get('content-type'), JSON_TYPE);
      const again = await request(path, { headers: { 'if-none-match': etag ?? '"x"', ...UNCACHED } });
      assert.equal(again.status, etag ? 304 : 200);
      if (!etag) assert.equal(await again.text(), body);
    }
  });
};
