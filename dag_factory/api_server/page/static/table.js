/** The table of pipelines: its header, by which it is sorted, and its rows. */

import { element } from "./elements.js";
import { rows } from "./row.js";

/** @type {[string, string | null, string?][]} what stands above a column, what it sorts by, and its first order */
const COLUMNS = [
  ["Pipeline", "name"],
  ["State", null],
  ["Service", null],
  ["Schedule", "next_run"],
  ["Last run", "last_run", "-"],
  ["History", null],
  ["Config", null],
  ["Owners", null],
  ["Links", null],
];

/**
 * @param {import("./server.js").Pipeline[]} pipelines
 * @param {string} sort a column, with "-" before it where the last one comes first
 * @param {import("./row.js").Handlers & {selectPage: (on: boolean) => void, sortBy: (sort: string) => void}} handlers
 * @returns {HTMLTableElement}
 */
export function table(pipelines, sort, handlers) {
  const all = element("input", {
    type: "checkbox",
    "aria-label": "Select all on this page",
    "data-focus": "select all",
    onchange: () => handlers.selectPage(all.checked),
  });
  const selected = pipelines.filter(({ dag_id }) => handlers.isSelected(dag_id)).length;
  all.checked = selected > 0 && selected === pipelines.length;
  all.indeterminate = selected > 0 && selected < pipelines.length;
  const heads = COLUMNS.map((column) => head(column, sort, handlers.sortBy));
  return element(
    "table",
    { "aria-label": "Pipelines" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "narrow" }, all), ...heads)),
    ...pipelines.map((pipeline, place) =>
      element("tbody", { class: place % 2 ? null : "striped" }, ...rows(pipeline, handlers)),
    ),
  );
}

function head(
  /** @type {[string, string | null, string?]} */ [title, key, first = ""],
  /** @type {string} */ sort,
  /** @type {(sort: string) => void} */ sortBy,
) {
  if (!key) return element("th", { scope: "col" }, title);
  const isSorted = sort.replace(/^-/, "") === key;
  const order = isSorted ? (sort.startsWith("-") ? "descending" : "ascending") : "none";
  const next = isSorted ? (sort.startsWith("-") ? key : `-${key}`) : `${first}${key}`;
  const sorting = element(
    "button",
    { type: "button", class: "sort", "data-focus": `sort ${key}`, onclick: () => sortBy(next) },
    title,
    element("span", { class: "arrows", "aria-hidden": "true" }),
  );
  return element("th", { scope: "col", "aria-sort": order }, sorting);
}

/** @returns {HTMLElement} what stands in the table's place until the first answer is here */
export function placeholder() {
  const lines = Array.from({ length: 8 }, () => element("span", { class: "line" }));
  return element("div", { class: "loading", role: "status", "aria-label": "Loading pipelines" }, ...lines);
}
