'use strict';

// Asks a catalog, and says what it answered in few words: entities by their numbers, errors by status and name, pages
// by what they hold. What nobody can know beforehand, such as cursors, is followed and left out.

const PAGES_MAX = 100;

/** Whoever asks the catalog at `base`; `numberOf` tells a whole entity's number. */
function makeAsker(base, numberOf) {
  const send = async (path, body) => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const answer = await fetch(base + path, { ...init, headers: { 'content-type': 'application/json' } });
    const text = await answer.text();
    const link = answer.headers.get('link');
    return { status: answer.status, json: text ? JSON.parse(text) : null, link };
  };
  const shorten = entity => (entity?.apiVersion && entity.metadata?.uid ? numberOf(entity) : withoutUnknown(entity));

  const ask = async ({ ask: path, body }) => {
    const { status, json } = await send(path, body);
    if (status !== 200) return fail(status, json);
    if (Array.isArray(json)) return { items: json.map(shorten) };
    if (json.facets)
      return { facets: Object.entries(json.facets).map(([key, values]) => [key, ...values.map(pairOf)]) };
    if (json.rootEntityRef) {
      const parents = json.items.map(({ entity, parentEntityRefs }) => [shorten(entity), ...parentEntityRefs]);
      return { root: json.rootEntityRef, parents };
    }
    if (!json.items) return { entity: shorten(json) };
    const items = json.items.map(shorten);
    return json.pageInfo ? { items, page: pageOf(json) } : { items };
  };

  const walk = async ({ walk: path, body, limit, follow, fields }) => {
    const next = async cursor => {
      const more = { cursor, limit, ...(fields && { fields }) };
      if (follow === 'POST') return send('/entities/by-query', more);
      const query = Object.entries(more).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
      return send(`/entities/by-query?${query.join('&')}`);
    };
    let answer = await send(path, body);
    if (answer.status !== 200) return fail(answer.status, answer.json);
    const items = [];
    const there = [];
    for (;;) {
      items.push(...answer.json.items.map(shorten));
      there.push(pageOf(answer.json));
      const cursor = answer.json.pageInfo.nextCursor;
      if (!cursor || there.length >= PAGES_MAX) break;
      answer = await next(cursor);
      if (answer.status !== 200) return { items, there, then: fail(answer.status, answer.json) };
    }
    const back = [];
    let before = items.length - answer.json.items.length;
    while (answer.json.pageInfo.prevCursor && back.length < PAGES_MAX) {
      answer = await next(answer.json.pageInfo.prevCursor);
      if (answer.status !== 200) return { items, there, back, then: fail(answer.status, answer.json) };
      const page = answer.json.items.map(shorten);
      before -= page.length;
      const isSame = before >= 0 && page.every((item, at) => sameJson(item, items[before + at]));
      back.push([...pageOf(answer.json), isSame ? 1 : page]);
    }
    return { items, there, back };
  };

  const follow = async ({ links: path }) => {
    const items = [];
    const there = [];
    for (let at = path; at && there.length < PAGES_MAX;) {
      const { status, json, link } = await send(at);
      if (status !== 200) return fail(status, json);
      items.push(...json.map(shorten));
      there.push(json.length);
      at = link?.match(/^<([^>]+)>; rel="next"$/)?.[1];
    }
    return { items, there };
  };

  return question => {
    if (question.walk) return walk(question);
    return question.links ? follow(question) : ask(question);
  };
}

const sameJson = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const pairOf = ({ value, count }) => [value, count];
const fail = (status, json) => ({ status, error: json?.error?.name ?? null });

/** How many there are, of how many, and whether there is a next and a previous page. */
function pageOf({ items, totalItems, pageInfo }) {
  return [items.length, totalItems, Number('nextCursor' in pageInfo), Number('prevCursor' in pageInfo)];
}

/** Without what is another in every catalog. */
function withoutUnknown(entity) {
  if (!entity?.metadata) return entity;
  const { uid, etag, ...metadata } = entity.metadata;
  return { ...entity, metadata };
}

module.exports = { makeAsker, withoutUnknown };
