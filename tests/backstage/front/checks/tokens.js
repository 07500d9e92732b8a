'use strict';

// T: whose tokens the catalog takes.

const assert = require('node:assert/strict');
const { USER } = require('../backend');

const AGO = 2 * 60 * 60;

module.exports = (check, { askCatalog, tokens }) => {
  const ask = async token => {
    const { status, json } = await askCatalog('/entities/by-name/component/default/shop', { token });
    return status === 200 ? 200 : `${status} ${json?.error?.name}`;
  };
  const isTaken = async token => assert.equal(await ask(await token), 200);
  const isRefused = async token => assert.equal(await ask(await token), '401 AuthenticationError');

  check('T01', 'a plugin comes with a token of its own', () => isTaken(tokens.plugin()));
  check('T02', 'a plugin comes on behalf of a user', () =>
    isTaken(tokens.limited({ sub: USER }).then(obo => tokens.plugin({ obo }))),
  );
  check('T03', 'a user comes with a token', () => isTaken(tokens.user({ sub: USER })));
  check('T04', 'whoever has no token is refused', () => isRefused(undefined));
  check('T05', 'the token of a plugin that another key signed is refused', () =>
    isRefused(tokens.plugin({ key: tokens.otherKey })),
  );
  check('T06', 'the token of a plugin is refused when it has expired', () => isRefused(tokens.plugin({ age: AGO })));
  check('T07', 'a token that a plugin has for another one is refused', () =>
    isRefused(tokens.plugin({ aud: 'scaffolder' })),
  );
  check('T08', 'the token of a plugin that is not there is refused', () => isRefused(tokens.plugin({ sub: 'nobody' })));
  check('T09', 'a plugin whose name leads elsewhere is refused', () => isRefused(tokens.plugin({ sub: '../auth' })));
  check('T10', 'the token of a user that another key signed is refused', () =>
    isRefused(tokens.user({ sub: USER, key: tokens.otherKey })),
  );
  check('T11', 'the token of a user is refused when it has expired', () =>
    isRefused(tokens.user({ sub: USER, age: AGO })),
  );
  check('T12', 'a token that says it needs no signature is refused', () => isRefused(tokens.unsigned({ sub: USER })));
  check('T13', 'a token signed with the public key as a secret is refused', () =>
    isRefused(tokens.confused({ sub: USER })),
  );
  check('T14', 'the limited token of a user is not good by itself', () => isRefused(tokens.limited({ sub: USER })));
  check('T15', 'a plugin on behalf of a user whose proof was forged is refused', () =>
    isRefused(tokens.limited({ sub: USER, key: tokens.otherKey }).then(obo => tokens.plugin({ obo }))),
  );
};
