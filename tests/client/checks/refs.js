'use strict';

// R: getEntitiesByRefs.

const assert = require('node:assert/strict');
const { namesOf } = require('../catalog');
const { JSON_TYPE } = require('../shapes');

module.exports = (check, { client, credentials, lastSent, post, request, sent }) => {
  const find = (entityRefs, more) => client.getEntitiesByRefs({ entityRefs, ...more }, credentials);

  check('R01', 'the answer has the order, the repeats and the holes of the question', async () => {
    const names = ['gamma', 'nope', 'alpha', 'gamma'];
    const found = await find(names.map(name => `component:default/${name}`));
    assert.deepEqual(namesOf(found), ['gamma', undefined, 'alpha', 'gamma']);
  });

  check('R02', 'a ref may be in any letter case, but not short or between spaces', async () => {
    const refs = [
      'Component:default/alpha',
      'COMPONENT:DEFAULT/ALPHA',
      'component:alpha',
      'alpha',
      ' component:default/alpha',
    ];
    const found = await find(refs, { fields: ['metadata.name'] });
    const alpha = { metadata: { name: 'alpha' } };
    assert.deepEqual(found.items, [alpha, alpha, undefined, undefined, undefined]);
  });

  check('R03', 'what a filter keeps out is a hole', async () => {
    const refs = ['component:default/gamma', 'api:default/api-one'];
    const found = await find(refs, { filter: { kind: 'api' }, fields: ['kind'] });
    assert.deepEqual(found.items, [undefined, { kind: 'API' }]);
    assert.match(lastSent().path, /^\/entities\/by-refs\?filter=/);
  });

  check('R04', 'what a predicate keeps out is a hole', async () => {
    const refs = ['component:default/gamma', 'api:default/api-one'];
    assert.deepEqual(namesOf(await find(refs, { query: { kind: 'api' } })), [undefined, 'api-one']);
  });

  check('R05', 'more than a thousand refs come in two requests and one order', async () => {
    const refs = [...Array(1500).keys()].map(at => `component:default/none-${at}`);
    refs[1200] = 'component:default/alpha';
    const before = sent.length;
    const found = await find(refs, { fields: ['metadata.name'] });
    assert.equal(found.items.length, 1500);
    assert.equal(found.items[1200].metadata.name, 'alpha');
    assert.equal(sent.length - before, 2);
  });

  check('R06', 'no refs are not asked for; a body without them is refused', async () => {
    const before = sent.length;
    assert.deepEqual((await find([])).items, []);
    assert.equal(sent.length, before);
    assert.equal((await request('/entities/by-refs', { method: 'POST', body: '{}' })).status, 400);
  });

  check('R07', 'each part of a ref may be in any letter case, with a filter and with a predicate', async () => {
    const refs = ['Component:Other/Beta', 'component:other/beta', 'Component:Other/Nope', 'API:default/Api-One'];
    assert.deepEqual(namesOf(await find(refs)), ['beta', 'beta', undefined, 'api-one']);
    for (const apis of [{ filter: { kind: 'api' } }, { query: { kind: 'api' } }]) {
      assert.deepEqual(namesOf(await find(refs, apis)), [undefined, undefined, undefined, 'api-one']);
    }
  });

  check('R08', 'a hole is null as sent, with fields too', async () => {
    const entityRefs = ['component:default/nope', 'API:default/api-one'];
    const answer = await post('/entities/by-refs', { entityRefs, fields: ['kind'] });
    assert.equal(answer.headers.get('content-type'), JSON_TYPE);
    assert.deepEqual(await answer.json(), { items: [null, { kind: 'API' }] });
  });
};
