'use strict';

// The Backstage in front as the checks use it: its plugins over HTTP, as its user or as one of its plugins, and the
// catalog behind it.

const assert = require('node:assert/strict');
const { waitUntil } = require('../../client/checklist');

/** `base` is Backstage's address, `catalog` that of the API behind it, `served` that of files it may read. */
function openFront({ base, catalog, served, tokens, patienceMs, log }) {
  const send = async (url, { token, method = 'GET', body } = {}) => {
    const headers = { ...(token && { authorization: `Bearer ${token}` }), 'content-type': 'application/json' };
    const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    return { status: answer.status, json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
  };
  const get = async (url, token) => {
    const { status, json } = await send(url, { token });
    assert.equal(status, 200, `${url}: ${status} ${JSON.stringify(json)}`);
    return json;
  };
  let session;
  /** Whoever opened Backstage as a guest. */
  const signIn = async () => {
    session ??= (await get(`${base}/api/auth/guest/refresh`)).backstageIdentity;
    return session;
  };
  return {
    served,
    tokens,
    log,
    signIn,
    userToken: async () => (await signIn()).token,
    plugin: (path, token) => get(`${base}/api/${path}`, token),
    post: (path, token, body) => send(`${base}/api/${path}`, { token, method: 'POST', body }),
    catalog: (path, token) => get(catalog + path, token),
    askCatalog: (path, options) => send(catalog + path, options),
    eventually: look => waitUntil(look, patienceMs),
  };
}

module.exports = { openFront };
