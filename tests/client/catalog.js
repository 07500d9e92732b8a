'use strict';

// The catalog under test, as Backstage's client sees it, with all that the client sends written down.

const assert = require('node:assert/strict');
const { CatalogClient } = require('@backstage/catalog-client');
const { waitUntil } = require('./checklist');

/** The catalog whose API is at `base`, called with `token`; `served` is the folder of files that it may read. */
function openCatalog({ base, token, served, patienceMs }) {
  const sent = [];
  const record = async (url, init) => {
    const answer = await fetch(url, init);
    sent.push({
      method: init?.method ?? 'GET',
      path: String(url).slice(base.length),
      status: answer.status,
      body: init?.body,
    });
    return answer;
  };
  const client = new CatalogClient({
    discoveryApi: { getBaseUrl: async () => base },
    fetchApi: { fetch: record },
  });

  /** A request that the client has no method for. */
  const request = (path, init = {}) =>
    fetch(base + path, {
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers },
    });

  return {
    client,
    credentials: { token },
    served,
    sent,
    lastSent: () => sent[sent.length - 1],
    request,
    post: (path, body) => request(path, { method: 'POST', body: JSON.stringify(body) }),
    eventually: look => waitUntil(look, patienceMs),
  };
}

/** The error that a call ends with, which is this status and of this name. */
async function isRefused(call, status, name) {
  let error;
  try {
    await call;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, 'an error is expected');
  assert.equal(error.statusCode, status, `status ${error.statusCode}: ${error.message}`);
  if (name) assert.equal(error.body.error.name, name);
  return error;
}

/** The names of what an answer lists, in its order. */
const namesOf = answer => answer.items.map(entity => entity?.metadata.name);

module.exports = { isRefused, namesOf, openCatalog };
