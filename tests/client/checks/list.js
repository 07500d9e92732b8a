'use strict';

// L: getEntities.

const assert = require('node:assert/strict');
const { CATALOG_FILTER_EXISTS } = require('@backstage/catalog-client');
const { isRefused, namesOf } = require('../catalog');
const { ARE_PAGES, BY_NAME } = require('../pages');

module.exports = (check, { client, credentials, request }) => {
  const list = asked => client.getEntities(asked, credentials);
  const names = async filter => namesOf(await list({ filter }));
  const count = async filter => (await list({ filter })).items.length;

  check('L01', 'a list without pages is a bare array', async () => {
    assert.equal(await count(ARE_PAGES), 7);
  });

  check('L02', 'a filter that nothing passes gives an empty list', async () => {
    assert.deepEqual((await list({ filter: { kind: 'nosuch' } })).items, []);
  });

  check('L03', 'keys are joined by and, values of one key by or', async () => {
    const found = await names({ kind: ['component', 'api'], 'spec.lifecycle': 'production' });
    assert.ok(found.includes('api-one') && found.includes('alpha') && !found.includes('gamma'));
  });

  check('L04', 'several filters are joined by or', async () => {
    assert.deepEqual((await names([{ kind: 'api' }, { kind: 'system' }])).sort(), ['api-one', 'sys']);
  });

  check('L05', 'the letter case of keys and values says nothing', async () => {
    const filter = { KIND: 'COMPONENT', 'Spec.Type': 'SERVICE', 'metadata.name': 'ALPHA' };
    assert.deepEqual(await names(filter), ['alpha']);
  });

  check('L06', 'a filter may ask whether a key is there', async () => {
    const found = await names({ kind: 'component', 'metadata.title': CATALOG_FILTER_EXISTS });
    assert.ok(found.includes('alpha') && found.includes('beta') && !found.includes('gamma'));
  });

  check('L07', 'an item of an array is a value of its key, and a key that is true', async () => {
    const tagged = [
      { 'metadata.tags': 'java' },
      { 'metadata.tags.java': 'true' },
      { 'metadata.tags.java': CATALOG_FILTER_EXISTS },
    ];
    for (const filter of tagged) assert.deepEqual(await names(filter), ['alpha']);
  });

  check('L08', 'the key of an annotation may have dots and slashes', async () => {
    assert.deepEqual(await names({ 'metadata.annotations.github.com/project-slug': 'acme/alpha' }), ['alpha']);
  });

  check('L09', 'relations are filtered by type and target in any letter case', async () => {
    assert.equal(await count({ kind: 'component', 'relations.ownedby': 'GROUP:default/Team-B' }), 7);
  });

  check('L10', 'numbers and booleans are compared as texts', async () => {
    assert.deepEqual(await names({ 'spec.count': '7', 'spec.flag': 'true' }), ['alpha']);
  });

  check('L11', 'null is there and equals nothing; an empty object or array is not there', async () => {
    assert.deepEqual(await names({ 'spec.nul': CATALOG_FILTER_EXISTS }), ['alpha']);
    assert.equal(await count({ 'spec.nul': 'null' }), 0);
    for (const key of ['spec.empty', 'spec.emptyArr', 'metadata.links', 'relations']) {
      assert.equal(await count({ kind: 'component', [key]: CATALOG_FILTER_EXISTS }), 0, key);
    }
  });

  check('L12', 'a value of more than 200 characters is there and equals nothing', async () => {
    const described = { kind: 'resource', 'metadata.description': CATALOG_FILTER_EXISTS };
    assert.deepEqual(await names(described), ['db-1']);
    assert.equal(await count({ 'metadata.description': 'L'.repeat(201) }), 0);
  });

  check('L13', 'objects in arrays lie on the path of the array', async () => {
    const values = [
      ['spec.nested.b.d', '1'],
      ['spec.nested.b', '5'],
      ['spec.nested.b.c', 'true'],
      ['spec.nested.e', '7'],
      ['metadata.links.url', 'https://b.example'],
    ];
    for (const [key, value] of values) assert.deepEqual(await names({ [key]: value }), ['alpha'], key);
  });

  check('L14', 'the uid can be filtered by, the etag cannot', async () => {
    assert.equal(await count({ 'metadata.etag': CATALOG_FILTER_EXISTS }), 0);
    const { metadata } = await client.getEntityByRef('component:default/alpha', credentials);
    assert.deepEqual(await names({ 'metadata.uid': metadata.uid }), ['alpha']);
  });

  check('L15', 'fields keep what was asked for and nothing else', async () => {
    const fields = ['kind', 'metadata.name', 'spec.nested'];
    const found = await list({ filter: { 'metadata.name': 'alpha' }, fields });
    assert.deepEqual(found.items[0], {
      kind: 'Component',
      metadata: { name: 'alpha' },
      spec: { nested: { b: ['c', { d: 1 }, 5], e: 7 } },
    });
  });

  check('L16', 'a field may have dots in a key; one that is not there is left out', async () => {
    const fields = ['metadata.annotations.github.com/project-slug', 'spec.nosuch'];
    const found = await list({ filter: { 'metadata.name': 'alpha' }, fields });
    const annotations = { 'github.com/project-slug': 'Acme/Alpha' };
    assert.deepEqual(found.items[0], { metadata: { annotations } });
  });

  check('L17', 'a field with a bracket is refused', async () => {
    await isRefused(list({ fields: ['metadata.tags[0]'] }), 400, 'InputError');
  });

  check('L18', 'a page is cut by limit and offset, and links to the next one', async () => {
    const second = await list({ filter: ARE_PAGES, limit: 2, offset: 1, order: BY_NAME });
    assert.deepEqual(namesOf(second), ['page-2', 'page-3']);
    const first = await request('/entities?limit=2&filter=spec.type=pager&order=asc:metadata.name');
    const link = first.headers.get('link');
    assert.match(link, /^<\/entities\?.*after=[^>]+>; rel="next"$/);
    const after = new URL('http://x' + link.match(/<([^>]+)>/)[1]).searchParams.get('after');
    assert.deepEqual(namesOf(await list({ filter: ARE_PAGES, after, order: BY_NAME })), ['page-3', 'page-4']);
  });

  check('L19', 'the last page links nowhere', async () => {
    const answer = await request('/entities?limit=50&filter=spec.type=pager');
    assert.equal(answer.headers.get('link'), null);
  });

  check('L20', 'in pages, what has no value to be ordered by comes last', async () => {
    const filter = { kind: 'component', 'metadata.name': ['page-1', 'page-2', 'gamma'] };
    const found = await list({ filter, limit: 10, order: [{ field: 'spec.rank', order: 'desc' }] });
    assert.deepEqual(namesOf(found), ['page-2', 'page-1', 'gamma']);
  });

  check('L21', 'a limit of nothing is refused', async () => {
    await isRefused(list({ limit: 0 }), 400, 'InputError');
  });

  check('L22', 'a malformed order or mark is refused', async () => {
    assert.equal((await request('/entities?order=metadata.name')).status, 400);
    assert.equal((await request('/entities?after=zzz')).status, 400);
  });

  check('L23', 'a parameter that nobody knows is refused', async () => {
    const answer = await request('/entities?limit=1&foo=1');
    assert.equal(answer.status, 400);
    assert.equal((await answer.json()).error.name, 'InputError');
  });

  check('L24', 'a page of fields links on as any other, and may be empty', async () => {
    const page = await request('/entities?limit=2&filter=spec.type=pager&fields=metadata.name');
    assert.match(page.headers.get('link'), /after=[^>]+>; rel="next"$/);
    assert.equal((await page.json()).length, 2);
    const nothing = await request('/entities?filter=kind=nosuch&fields=kind');
    assert.deepEqual(await nothing.json(), []);
  });
};
