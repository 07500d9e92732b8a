'use strict';

// Q: queryEntities and streamEntities with filters, which are sent by GET.

const assert = require('node:assert/strict');
const { isRefused, namesOf } = require('../catalog');
const { ARE_PAGES, BY_NAME, PAGES } = require('../pages');

const BY_RANK = { field: 'spec.rank', order: 'asc' };

module.exports = (check, { client, credentials, lastSent, request, sent }) => {
  const query = asked => client.queryEntities(asked, credentials);
  const next = (page, more) => query({ cursor: page.pageInfo.nextCursor, ...more });
  const previous = (page, more) => query({ cursor: page.pageInfo.prevCursor, ...more });

  check('Q01', 'a page says how many there are and where the next one begins', async () => {
    const page = await query({ filter: ARE_PAGES, limit: 3, orderFields: BY_NAME });
    assert.deepEqual(namesOf(page), PAGES.slice(0, 3));
    assert.equal(page.totalItems, 7);
    assert.ok(page.pageInfo.nextCursor);
    assert.equal(page.pageInfo.prevCursor, undefined);
    assert.equal(lastSent().method, 'GET');
  });

  check('Q02', 'the way back leads over the same pages', async () => {
    let page = await query({ filter: ARE_PAGES, limit: 3, orderFields: BY_NAME });
    const forward = [namesOf(page)];
    while (page.pageInfo.nextCursor) {
      page = await next(page, { limit: 3 });
      forward.push(namesOf(page));
      assert.equal(page.totalItems, 7);
    }
    assert.deepEqual(forward, [PAGES.slice(0, 3), PAGES.slice(3, 6), PAGES.slice(6)]);
    const back = [];
    while (page.pageInfo.prevCursor) {
      page = await previous(page, { limit: 3 });
      back.push(namesOf(page));
    }
    assert.deepEqual(back, [forward[1], forward[0]]);
  });

  check('Q03', 'limit and fields may be others on each page', async () => {
    const first = await query({ filter: ARE_PAGES, limit: 1, orderFields: BY_NAME });
    const second = await next(first, { limit: 4, fields: ['metadata.name'] });
    const expected = PAGES.slice(1, 5).map(name => ({ metadata: { name } }));
    assert.deepEqual(second.items, expected);
  });

  check('Q04', 'a limit of nothing counts', async () => {
    const counted = await query({ filter: ARE_PAGES, limit: 0 });
    assert.deepEqual(counted, { items: [], totalItems: 7, pageInfo: {} });
  });

  check('Q05', 'pages go on without a total', async () => {
    const first = await query({ filter: ARE_PAGES, limit: 3, totalItems: 'exclude' });
    assert.equal(first.totalItems, 0);
    const rest = await next(first, { limit: 10 });
    assert.equal(rest.totalItems, 0);
    assert.equal(rest.items.length, 4);
  });

  check('Q06', 'a page may begin further on', async () => {
    const page = await query({ filter: ARE_PAGES, limit: 2, offset: 4, orderFields: BY_NAME });
    assert.deepEqual(namesOf(page), ['page-5', 'page-6']);
  });

  check('Q07', 'a descending order goes on descending', async () => {
    const orderFields = { field: 'metadata.name', order: 'desc' };
    const first = await query({ filter: ARE_PAGES, limit: 2, orderFields });
    assert.deepEqual(namesOf(first), ['page-7', 'page-6']);
    assert.deepEqual(namesOf(await next(first, { limit: 2 })), ['page-5', 'page-4']);
  });

  check('Q08', 'what has no value to be ordered by is left out and not counted', async () => {
    const page = await query({ filter: { kind: 'component' }, orderFields: BY_RANK });
    assert.equal(page.items.length, 7);
    assert.equal(page.totalItems, 7);
  });

  check('Q09', 'entities with equal values come once each, over several pages', async () => {
    let page = await query({ filter: ARE_PAGES, limit: 2, orderFields: BY_RANK });
    const seen = namesOf(page);
    while (page.pageInfo.nextCursor) {
      page = await next(page, { limit: 2 });
      seen.push(...namesOf(page));
    }
    assert.deepEqual(seen.sort(), PAGES);
  });

  check('Q10', 'full text finds a part of a value in the fields that are named', async () => {
    const pages = await query({ fullTextFilter: { term: ' PAGE ', fields: ['metadata.name'] } });
    assert.equal(pages.totalItems, 7);
    const fields = ['metadata.name', 'Metadata.Title'];
    assert.deepEqual(namesOf(await query({ fullTextFilter: { term: 'beta t', fields } })), ['beta']);
  });

  check('Q11', 'full text without fields looks into the one that is ordered by', async () => {
    const found = await query({ fullTextFilter: { term: 'lph' }, orderFields: BY_NAME });
    assert.deepEqual(namesOf(found), ['alpha']);
  });

  check('Q12', 'full text without fields and order looks into the uid', async () => {
    const { metadata } = await client.getEntityByRef('component:default/alpha', credentials);
    assert.equal((await query({ fullTextFilter: { term: 'page' } })).totalItems, 0);
    const found = await query({ fullTextFilter: { term: metadata.uid.slice(0, 18) } });
    assert.deepEqual(namesOf(found), ['alpha']);
  });

  check('Q13', 'full text and filter hold on the next page too', async () => {
    const fullTextFilter = { term: 'page', fields: ['metadata.name'] };
    const first = await query({ filter: { kind: 'component' }, fullTextFilter, limit: 5, orderFields: BY_NAME });
    const second = await next(first, { limit: 5 });
    assert.deepEqual([...namesOf(first), ...namesOf(second)], PAGES);
  });

  check('Q14', 'a bad cursor, order or wish for a total is refused', async () => {
    const bad = [{ cursor: 'zzzz' }, { orderFields: { field: 'a', order: 'up' } }, { totalItems: 'some' }];
    for (const asked of bad) await isRefused(query(asked), 400, 'InputError');
  });

  check('Q15', 'a page has far more than 20 if nobody says how many', async () => {
    assert.ok((await query({})).items.length >= 17);
  });

  check('Q16', 'a stream brings every entity once', async () => {
    const seen = [];
    for await (const page of client.streamEntities({ filter: ARE_PAGES, pageSize: 2 }, credentials)) {
      seen.push(...page.map(entity => entity.metadata.name));
    }
    assert.deepEqual(seen.sort(), PAGES);
  });

  check('Q17', 'a stream asks for no total', async () => {
    const before = sent.length;
    const asked = { filter: ARE_PAGES, pageSize: 4, totalItems: 'include' };
    let seen = 0;
    for await (const page of client.streamEntities(asked, credentials)) seen += page.length;
    assert.equal(seen, 7);
    assert.equal(sent[before].method, 'GET');
    assert.match(sent[before].path, /[?&]totalItems=exclude(&|$)/);
  });

  check('Q18', 'of several orders the first counts', async () => {
    const orders = 'orderField=spec.rank,asc&orderField=metadata.name,desc';
    const answer = await request(`/entities/by-query?filter=spec.type=pager&${orders}&fields=spec.rank`);
    const { items, totalItems } = await answer.json();
    const ranks = items.map(entity => entity.spec.rank);
    assert.deepEqual(ranks, ['0', '0', '1', '1', '1', '2', '2']);
    assert.equal(totalItems, 7);
  });
};
