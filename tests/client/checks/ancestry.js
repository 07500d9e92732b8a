'use strict';

// A: where an entity comes from, and looking there again.

const assert = require('node:assert/strict');
const { isRefused } = require('../catalog');

module.exports = (check, { client, credentials, lastSent, post }) => {
  const ancestors = entityRef => client.getEntityAncestors({ entityRef }, credentials);

  check('A01', 'ancestry begins with the entity itself', async () => {
    const { rootEntityRef, items } = await ancestors('component:default/alpha');
    assert.equal(rootEntityRef, 'component:default/alpha');
    assert.equal(items[0].entity.metadata.name, 'alpha');
    assert.ok(Array.isArray(items[0].parentEntityRefs));
  });

  check('A02', 'what is not there has no ancestry', async () => {
    await isRefused(ancestors('component:default/nope'), 404, 'NotFoundError');
  });

  check('A03', 'a refresh is answered with exactly 200', async () => {
    await client.refreshEntity('component:default/alpha', credentials);
    assert.equal(lastSent().status, 200);
  });

  check('A04', 'what is not there cannot be refreshed', async () => {
    await isRefused(client.refreshEntity('component:default/nope', credentials), 404, 'NotFoundError');
  });

  check('A05', 'the body of a refresh has what it needs and nothing else', async () => {
    const odd = { entityRef: 'component:default/alpha', x: 1 };
    for (const body of [odd, {}]) assert.equal((await post('/refresh', body)).status, 400);
  });
};
