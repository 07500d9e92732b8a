'use strict';

// S: who signs in is a user of the catalog.

const assert = require('node:assert/strict');
const { USER } = require('../backend');

module.exports = (check, front) => {
  check('S01', 'sign-in finds the user in the catalog, with the groups', async () => {
    const { identity } = await front.signIn();
    assert.equal(identity.userEntityRef, USER);
    assert.deepEqual([...identity.ownershipEntityRefs].sort(), ['group:default/team-a', USER]);
  });

  check('S02', 'the token of the user is good for the catalog', async () => {
    const entity = await front.catalog('/entities/by-name/user/default/jane', await front.userToken());
    assert.equal(entity.metadata.name, 'jane');
  });
};
