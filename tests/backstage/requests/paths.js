'use strict';

// How a question about lists is written: as a path, or as what is posted.

/** A path with these parameters, each a pair of a name and a value. */
const pathOf = (path, parameters) => {
  const query = parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return query ? `${path}?${query}` : path;
};

const queryByGet = ({ filters = [], order, text, limit, offset, total, fields }) =>
  pathOf('/entities/by-query', [
    ...filters.map(filter => ['filter', filter]),
    ...(order ? [['orderField', `${order.field},${order.order}`]] : []),
    ...(text ? [['fullTextFilterTerm', text.term]] : []),
    ...(text?.fields ? [['fullTextFilterFields', text.fields.join(',')]] : []),
    ...(limit === undefined ? [] : [['limit', limit]]),
    ...(offset === undefined ? [] : [['offset', offset]]),
    ...(total === undefined ? [] : [['totalItems', total]]),
    ...(fields ? [['fields', fields.join(',')]] : []),
  ]);
const queryByPost = ({ query, order, text, limit, offset, total, fields }) => ({
  ...(query && { query }),
  ...(order && { orderBy: [order] }),
  ...(text && { fullTextFilter: text }),
  ...(limit !== undefined && { limit }),
  ...(offset !== undefined && { offset }),
  ...(total && { totalItems: total }),
  ...(fields && { fields }),
});
/** Pages of a query, from the first to the last and back. */
const walkByGet = asked => {
  const { limit, follow, fields, order } = asked;
  return { walk: queryByGet(asked), limit, follow, ...(fields && { fields }), ...(order && { order }) };
};
const walkByPost = asked => {
  const { limit, follow, fields, order } = asked;
  const body = queryByPost(asked);
  return { walk: '/entities/by-query', body, limit, follow, ...(fields && { fields }), ...(order && { order }) };
};

module.exports = { pathOf, walkByGet, walkByPost };
