'use strict';

// An answer without what nobody chose. Entities with equal values come in the order of their uids, which are others in
// every catalog: so such a run is recorded in the order of numbers, and where the end of a page may have cut it, only how
// many there are.

/** The answer to a question; `orders` has by each key the numbers of entities, each with its values. */
function makeCanonical(orders, question, answer) {
  const { items } = answer;
  if (!items || question.ask?.startsWith('/entities/by-refs')) return answer;
  const isCut = isPartial(question) || hasMore(answer);
  const clauses = question.orders ?? (question.order ? [question.order] : []);
  const isWhole = items.every(item => typeof item === 'number');
  if (!isWhole || !isOrdered(question, clauses)) return { ...answer, items: isCut ? items.length : sort(items) };
  if (clauses.length === 0) return answer;
  return { ...answer, items: collectRuns(keysOf(orders, clauses, items), items, isCut) };
}

const isPartial = ({ ask, walk, links, body }) =>
  body?.offset !== undefined || (ask ?? walk ?? links).includes('offset=');

/** Whether the answer goes on where nobody went. */
const hasMore = ({ there, page }) => Boolean((there?.at(-1) ?? page)?.[2]);

/** In the lists of links a key is known in small letters only, and nothing is ordered by another one. */
function isOrdered({ links }, clauses) {
  return links ? clauses.every(({ field }) => field === field.toLowerCase()) : clauses.length > 0;
}

function sort(items) {
  const isNumeric = items.every(item => typeof item === 'number');
  if (isNumeric) return items.sort((one, other) => one - other);
  const texts = new Map(items.map(item => [item, JSON.stringify(item)]));
  return items.sort((one, other) => (texts.get(one) < texts.get(other) ? -1 : 1));
}

/** Of each item the values that it is ordered by. One that comes several times has another of its values each time. */
function keysOf(orders, clauses, items) {
  const tables = clauses.map(({ field, order }) => {
    const rows = orders[field.toLowerCase()].map(([number, ...values]) => [number, values]);
    return new Map(rows.map(([number, values]) => [number, order === 'desc' ? values.reverse() : values]));
  });
  const seen = new Map();
  return items.map(number => {
    const times = seen.get(number) ?? 0;
    seen.set(number, times + 1);
    const values = tables.map(table => table.get(number) ?? []);
    return JSON.stringify(values.map(own => own[times] ?? own.at(-1) ?? null));
  });
}

/** Items with equal keys together: one alone, several in a list, and of a run that may be cut how many. */
function collectRuns(keys, items, isCut) {
  const runs = [];
  items.forEach((item, at) => {
    if (at > 0 && keys[at] === keys[at - 1]) runs.at(-1).push(item);
    else runs.push([item]);
  });
  return runs.map((run, at) => {
    if (isCut && (at === 0 || at === runs.length - 1)) return { cut: run.length };
    return run.length === 1 ? run[0] : sort(run);
  });
}

module.exports = { makeCanonical };
