'use strict';

// The seven components of the seed that lists are paged over.

const PAGES = ['page-1', 'page-2', 'page-3', 'page-4', 'page-5', 'page-6', 'page-7'];
const ARE_PAGES = { 'spec.type': 'pager' };
const BY_NAME = { field: 'metadata.name', order: 'asc' };

module.exports = { ARE_PAGES, BY_NAME, PAGES };
