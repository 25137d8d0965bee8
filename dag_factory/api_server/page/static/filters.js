/** What the list is narrowed to, sorted by and opened at. It stands in the address, so that a link carries it. */

/** @typedef {Record<string, string>} Filters */

const NARROWING = ["state", "last", "paused", "type", "service", "q"];
const NAMES = [...NARROWING, "sort", "page", "size"];

/** @returns {Filters} those in an address's query; names that are not ours are left out */
export function fromQuery(/** @type {string} */ query) {
  const parameters = new URLSearchParams(query);
  /** @type {Filters} */
  const filters = {};
  for (const name of NAMES) {
    const value = parameters.get(name);
    if (value && (!(name === "page" || name === "size") || isPlace(value))) filters[name] = value;
  }
  return filters;
}

function isPlace(/** @type {string} */ value) {
  return /^[1-9]\d{0,4}$/.test(value);
}

/** @returns {string} the query with these filters, always in the same order; empty without any */
export function toQuery(/** @type {Filters} */ filters) {
  const parameters = new URLSearchParams();
  for (const name of NAMES) if (filters[name]) parameters.set(name, filters[name]);
  const query = parameters.toString();
  return query && `?${query}`;
}

/**
 * @param {Filters} filters
 * @param {Record<string, string | null>} changes null removes a filter
 * @returns {Filters} the filters with the changes, at the first page unless another one is asked for
 */
export function changed(filters, changes) {
  const { page, ...others } = filters;
  const merged = Object.entries({ ...others, ...changes }).filter(([, value]) => value);
  return /** @type {Filters} */ (Object.fromEntries(merged));
}

/** What removes all filters, but for order and size of a page. */
export const NONE = Object.freeze(Object.fromEntries(NARROWING.map((name) => [name, null])));

/** @returns {Filters} those that say which pipelines are meant, without order and page */
export function narrowing(/** @type {Filters} */ filters) {
  return Object.fromEntries(NARROWING.filter((name) => filters[name]).map((name) => [name, filters[name]]));
}

/** @returns {string} the filters in words, such as "state broken, service sales"; empty where all are meant */
export function inWords(/** @type {Filters} */ filters) {
  const words = Object.entries(narrowing(filters)).map(([name, value]) => {
    if (name === "paused") return value === "true" ? "paused" : "not paused";
    if (name === "state" && value === "warnings") return "with warnings";
    if (name === "last") return `last run ${value}`;
    if (name === "q") return `search “${value}”`;
    return name === "state" ? `state ${value.replaceAll("_", " ")}` : `${name} ${value}`;
  });
  return words.join(", ");
}
