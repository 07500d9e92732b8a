'use strict';

// F: getEntityFacets.

const assert = require('node:assert/strict');
const { isRefused } = require('../catalog');
const { ARE_PAGES } = require('../pages');

module.exports = (check, { client, credentials, lastSent, post }) => {
  const count = async asked => (await client.getEntityFacets(asked, credentials)).facets;

  check('F01', 'values are as they were written, sorted and counted; an unknown key has none', async () => {
    const filter = { 'metadata.name': ['alpha', 'gamma', 'api-one'] };
    assert.deepEqual(await count({ facets: ['kind', 'nosuch'], filter }), {
      kind: [
        { value: 'API', count: 1 },
        { value: 'Component', count: 2 },
      ],
      nosuch: [],
    });
  });

  check('F02', 'a key is answered as it was asked for', async () => {
    const counted = await count({ facets: ['Spec.Type'], filter: ARE_PAGES });
    assert.deepEqual(counted, { 'Spec.Type': [{ value: 'pager', count: 7 }] });
  });

  check('F03', 'tags, relations and booleans are counted', async () => {
    const facets = ['metadata.tags', 'relations.ownedBy', 'spec.flag'];
    assert.deepEqual(await count({ facets, filter: { 'metadata.name': 'alpha' } }), {
      'metadata.tags': [
        { value: 'java', count: 1 },
        { value: 'web', count: 1 },
      ],
      'relations.ownedBy': [{ value: 'group:default/team-a', count: 1 }],
      'spec.flag': [{ value: 'true', count: 1 }],
    });
  });

  check('F04', 'a predicate is sent in a body', async () => {
    const { kind } = await count({ facets: ['kind'], query: ARE_PAGES });
    assert.equal(lastSent().method, 'POST');
    assert.deepEqual(kind, [{ value: 'Component', count: 7 }]);
  });

  check('F05', 'no key at all is refused', async () => {
    await isRefused(count({ facets: [] }), 400, 'InputError');
    assert.equal((await post('/entity-facets', { facets: [] })).status, 400);
  });

  check('F06', 'what is counted is what the list of the same predicate has', async () => {
    const component = { kind: 'component' };
    const predicates = [
      { $not: component },
      { $any: [ARE_PAGES, { kind: 'api' }] },
      { ...component, 'metadata.title': { $exists: false } },
      { $not: { $any: [component, { 'metadata.title': { $exists: true } }] } },
      { $any: [] },
      { $not: { $any: [] } },
    ];
    for (const query of predicates) {
      const listed = {};
      for await (const page of client.streamEntities({ query, fields: ['kind'] }, credentials)) {
        for (const { kind } of page) listed[kind] = (listed[kind] ?? 0) + 1;
      }
      const { kind } = await count({ facets: ['kind'], query });
      const counted = Object.fromEntries(kind.map(facet => [facet.value, facet.count]));
      assert.deepEqual(counted, listed, JSON.stringify(query));
    }
  });
};
