'use strict';

// D: plugins with a page for each entity resolve it.

const assert = require('node:assert/strict');

module.exports = (check, { plugin, post, userToken }) => {
  check('D01', 'TechDocs resolves the entity of a page', async () => {
    const entity = await plugin('techdocs/metadata/entity/default/component/shop', await userToken());
    assert.equal(entity.metadata.title, 'Web Shop');
    assert.match(entity.locationMetadata.type, /^(url|file|dir)$/);
  });

  check('D02', 'Kubernetes finds its clusters in the catalog', async () => {
    const { items } = await plugin('kubernetes/clusters', await userToken());
    assert.deepEqual(
      items.map(({ name }) => name),
      ['cluster-one'],
    );
  });

  check('D03', 'Kubernetes resolves the entity of a page, and asks the clusters for it', async () => {
    const asked = { entityRef: 'component:default/shop', auth: { google: 'a-token' } };
    const { status, json } = await post('kubernetes/resources/workloads/query', await userToken(), asked);
    assert.equal(status, 200, JSON.stringify(json));
    const [{ cluster, errors }] = json.items;
    assert.equal(cluster.name, 'cluster-one');
    assert.ok(errors.length > 0, 'nobody is at the address of the cluster');
  });

  check('D04', 'Kubernetes says when there is no such entity', async () => {
    const asked = { entityRef: 'component:default/nope', auth: {} };
    const { status, json } = await post('kubernetes/resources/workloads/query', await userToken(), asked);
    assert.equal(status, 400);
    assert.match(json.error.message, /^Entity ref missing/);
  });
};
