'use strict';

// P: queryEntities and streamEntities with predicates, which are sent by POST.

const assert = require('node:assert/strict');
const { CATALOG_FILTER_EXISTS } = require('@backstage/catalog-client');
const { isRefused, namesOf } = require('../catalog');
const { ARE_PAGES, BY_NAME, PAGES } = require('../pages');

module.exports = (check, { client, credentials, lastSent, post, sent }) => {
  const ask = asked => client.queryEntities(asked, credentials);
  const query = (predicate, more = {}) => ask({ query: predicate, limit: 100, ...more });
  const count = async (predicate, limit = 100) => (await query(predicate, { limit })).totalItems;
  const walk = async predicate => {
    let page = await query(predicate, { limit: 3, orderFields: BY_NAME });
    const seen = namesOf(page);
    while (page.pageInfo.nextCursor) {
      page = await ask({ cursor: page.pageInfo.nextCursor, limit: 3 });
      seen.push(...namesOf(page));
    }
    return seen;
  };

  check('P01', 'a predicate is sent in a body and answered like a filter', async () => {
    assert.equal(await count({ kind: 'Component', 'spec.type': 'pager' }), 7);
    assert.equal(lastSent().method, 'POST');
  });

  check('P02', 'predicates are joined by all, any and not', async () => {
    const named = ['alpha', 'gamma'].map(name => ({ 'metadata.name': name }));
    const predicate = {
      $all: [{ kind: 'component' }, { $not: { 'spec.type': 'pager' } }, { $any: [...named, { kind: 'api' }] }],
    };
    assert.deepEqual(namesOf(await query(predicate, { orderFields: BY_NAME })), ['alpha', 'gamma']);
  });

  check('P03', 'no condition is met by everything, no alternative by nothing', async () => {
    const all = await count({});
    assert.ok(all >= 17);
    assert.equal(await count({ $all: [] }), all);
    assert.equal(await count({ $any: [] }), 0);
    assert.equal(await count({ kind: { $in: [] } }), 0);
  });

  check('P04', 'a value may be one of several, absent, or begin with something', async () => {
    assert.equal(await count({ kind: { $in: ['API', 'system'] } }), 2);
    const unranked = await query({ kind: 'component', 'spec.rank': { $exists: false } });
    assert.equal(unranked.items.filter(entity => entity.spec.rank).length, 0);
    assert.equal(await count({ 'metadata.name': { $hasPrefix: 'PAGE-' } }), 7);
    assert.equal(await count({ 'metadata.name': { $hasPrefix: '%' } }), 0);
  });

  check('P05', 'an array contains a value, and relations contain a relation', async () => {
    assert.deepEqual(namesOf(await query({ 'metadata.tags': { $contains: 'Java' } })), ['alpha']);
    const related = relation => count({ kind: 'component', relations: { $contains: relation } });
    assert.equal(await related({ type: 'ownedBy', targetRef: 'group:default/team-b' }), 7);
    const owners = ['group:default/team-b', 'user:default/jane'];
    assert.equal(await related({ type: 'ownedby', targetRef: { $in: owners } }), 8);
  });

  check('P06', 'numbers and booleans are compared as texts', async () => {
    assert.deepEqual(namesOf(await query({ 'spec.count': 7, 'spec.flag': true })), ['alpha']);
  });

  check('P07', 'the client joins a predicate and a filter by and', async () => {
    const filter = { 'spec.type': 'pager', 'metadata.name': ['page-1', 'page-2'] };
    assert.equal((await ask({ query: {}, filter })).totalItems, 2);
    assert.equal(lastSent().method, 'POST');
  });

  check('P08', 'what is no predicate is refused', async () => {
    const bad = [
      { $foo: 1 },
      { kind: ['x'] },
      { kind: null },
      { kind: { $foo: 1 } },
      { $all: [{ kind: 'a' }], kind: 'b' },
      { $not: 'x' },
      { relations: { $contains: { targetRef: 'x' } } },
      { 'metadata.links': { $contains: { url: 'x' } } },
    ];
    for (const predicate of bad) await isRefused(query(predicate), 400, 'InputError');
  });

  check('P09', 'pages of a predicate come in order', async () => {
    assert.deepEqual(await walk({ 'spec.type': 'pager' }), PAGES);
  });

  check('P10', 'a picker of the scaffolder finds groups and users', async () => {
    const texts = ['name', 'namespace', 'title', 'description'].map(name => `metadata.${name}`);
    const fields = ['kind', ...texts, 'spec.profile.displayName', 'spec.type'];
    const asked = { query: {}, filter: { kind: ['Group', 'User'] }, fields };
    const seen = [];
    for await (const page of client.streamEntities(asked, credentials)) {
      seen.push(...page.map(entity => entity.metadata.name));
    }
    for (const name of ['team-a', 'team-b', 'jane']) assert.ok(seen.includes(name), name);
  });

  check('P11', 'operators hold arrays of objects, on every route and in cursors', async () => {
    const api = { kind: 'api' };
    const bad = [
      'x',
      { $not: 'x' },
      { $any: ['x'] },
      { $any: [api, true] },
      { $all: [1] },
      { $all: api },
      { $any: api },
      { $any: [api], ...api },
      { $not: api, ...api },
      { $all: [], $any: [] },
    ];
    const mark = { orderFields: [], orderFieldValues: ['0'], isPrevious: false, totalItems: 1 };
    const isRefusedAt = async (path, body) => {
      const answer = await post(path, body);
      assert.equal(answer.status, 400, `${path} ${JSON.stringify(body)}`);
      assert.equal((await answer.json()).error.name, 'InputError');
    };
    for (const predicate of bad) {
      const cursor = Buffer.from(JSON.stringify({ ...mark, query: predicate })).toString('base64');
      await isRefusedAt('/entities/by-query', { query: predicate });
      await isRefusedAt('/entity-facets', { facets: ['kind'], query: predicate });
      await isRefusedAt('/entities/by-refs', { entityRefs: ['component:default/alpha'], query: predicate });
      await isRefusedAt('/locations/by-query', { query: predicate });
      await isRefusedAt('/entities/by-query', { cursor });
    }
  });

  check('P12', 'a stream of a predicate asks for no total', async () => {
    const before = sent.length;
    const seen = [];
    for await (const page of client.streamEntities({ query: ARE_PAGES, pageSize: 3 }, credentials)) {
      seen.push(...page.map(entity => entity.metadata.name));
    }
    assert.deepEqual(seen.sort(), PAGES);
    assert.equal(sent[before].method, 'POST');
    assert.equal(JSON.parse(sent[before].body).totalItems, 'exclude');
  });

  check('P13', 'an empty filter adds nothing to a predicate, and a value is more than being there', async () => {
    for (const filter of [{}, [], [{}]]) {
      const { totalItems } = await ask({ query: ARE_PAGES, filter });
      assert.deepEqual(JSON.parse(lastSent().body).query, ARE_PAGES);
      assert.equal(totalItems, 7);
    }
    const filter = { 'metadata.name': ['page-1', CATALOG_FILTER_EXISTS] };
    assert.deepEqual(namesOf(await ask({ query: ARE_PAGES, filter })), ['page-1']);
  });

  check('P14', 'a long list of values is answered like a short one', async () => {
    const components = await count({ kind: 'component' });
    const apis = await count({ kind: 'api' });
    for (const length of [12, 150]) {
      const numbers = [...Array(length).keys()];
      const named = { 'metadata.name': { $in: numbers.map(at => (at < 7 ? `PAGE-${at + 1}` : `none-${at}`)) } };
      const owners = { $in: numbers.map(at => (at === 0 ? 'GROUP:default/Team-B' : `group:default/none-${at}`)) };
      const relation = { type: 'ownedBy', targetRef: owners };
      for (const limit of [5, 300]) {
        assert.equal(await count(named, limit), 7);
        assert.equal(await count({ $all: [{ kind: 'component' }, { $not: named }] }, limit), components - 7);
        assert.equal(await count({ $any: [named, { kind: 'api' }] }, limit), 7 + apis);
        assert.equal(await count({ kind: 'component', 'relations.ownedBy': owners }, limit), 7);
        assert.equal(await count({ kind: 'component', relations: { $contains: relation } }, limit), 7);
      }
      assert.deepEqual(await walk(named), PAGES);
    }
  });
};
