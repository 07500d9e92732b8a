'use strict';

// I: the search plugin indexes the catalog, and shows of it what may be seen.

const assert = require('node:assert/strict');

const PAGE = 'pageLimit=100&types[0]=software-catalog';
const HIDDEN = ['/catalog/default/component/their-secret', '/catalog/default/domain/hidden-domain'];

module.exports = (check, { catalog, eventually, plugin, tokens, userToken }) => {
  const placeOf = ({ kind, metadata }) => `/catalog/${metadata.namespace}/${kind}/${metadata.name}`.toLowerCase();
  const search = async (term, token) => {
    const { results } = await plugin(`search/query?term=${encodeURIComponent(term)}&${PAGE}`, token);
    return results.map(({ document }) => document.location.toLowerCase()).sort();
  };

  check('I01', 'every entity is indexed', async () => {
    const places = (await catalog('/entities', await tokens.plugin())).map(placeOf).sort();
    const asPlugin = await tokens.plugin({ sub: 'scaffolder', aud: 'search' });
    let found;
    await eventually(async () => {
      found = await search('', asPlugin).catch(() => []);
      return found.length === places.length;
    });
    assert.deepEqual(found, places);
  });

  check('I02', 'an entity is found by its title', async () => {
    assert.ok((await search('Web Shop', await userToken())).includes('/catalog/default/component/shop'));
  });

  check('I03', 'a user finds what may be seen, as the catalog decides', async () => {
    const asPlugin = await tokens.plugin({ sub: 'scaffolder', aud: 'search' });
    const all = await search('', asPlugin);
    for (const place of HIDDEN) assert.ok(all.includes(place), place);
    const seen = await search('', await userToken());
    assert.deepEqual(
      seen,
      all.filter(place => !HIDDEN.includes(place)),
    );
  });
};
