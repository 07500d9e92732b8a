'use strict';

// E: one entity.

const assert = require('node:assert/strict');
const { UUID } = require('../shapes');

module.exports = (check, { client, credentials, lastSent, request }) => {
  const entity = ref => client.getEntityByRef(ref, credentials);

  check('E01', 'an entity is served with namespace, uid, etag and sorted relations', async () => {
    const { metadata, relations } = await entity('component:default/alpha');
    assert.equal(metadata.namespace, 'default');
    assert.match(metadata.uid, UUID);
    assert.ok(metadata.etag.length >= 8);
    const types = relations.map(relation => relation.type);
    assert.deepEqual(types, [...types].sort());
    assert.ok(relations.some(({ type, targetRef }) => type === 'ownedBy' && targetRef === 'group:default/team-a'));
  });

  check('E02', 'the letter case of a ref says nothing', async () => {
    const found = await entity({ kind: 'COMPONENT', namespace: 'DEFAULT', name: 'Alpha' });
    assert.equal(found.metadata.name, 'alpha');
  });

  check('E03', 'an entity that is not there is 404, which the client turns into nothing', async () => {
    assert.equal(await entity('component:default/nope'), undefined);
    assert.equal(lastSent().status, 404);
  });

  check('E04', 'the client writes the namespace out', async () => {
    await entity('component:alpha');
    assert.equal(lastSent().path, '/entities/by-name/component/default/alpha');
  });

  check('E05', 'an entity is found by its uid', async () => {
    const { metadata } = await entity('component:default/alpha');
    const answer = await request(`/entities/by-uid/${metadata.uid}`);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).metadata.name, 'alpha');
  });

  check('E06', 'a 404 says what was asked, without the mount of the plugin', async () => {
    const path = '/entities/by-name/component/default/nope';
    const { error, request: asked, response } = await (await request(path)).json();
    assert.equal(error.name, 'NotFoundError');
    assert.deepEqual(response, { statusCode: 404 });
    assert.equal(asked.method, 'GET');
    assert.equal(asked.url, path);
  });

  check('E07', 'to remove what is not there succeeds', async () => {
    await client.removeEntityByUid('00000000-0000-0000-0000-000000000000', credentials);
    assert.equal(lastSent().status, 204);
  });
};
