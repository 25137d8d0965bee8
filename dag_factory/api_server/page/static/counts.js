/** How many pipelines are in which state; each count is also a filter. */

import { element } from "./elements.js";
import { number } from "./times.js";

/** @type {{label: string, count: string, filter: string, value: string, kind: string, title: string}[]} */
const COUNTS = [
  { label: "Good", count: "good", filter: "state", value: "good", kind: "success", title: "The config is valid" },
  {
    label: "Last good",
    count: "last_good",
    filter: "state",
    value: "last_good",
    kind: "warning",
    title: "The config is broken, and its last good version runs",
  },
  {
    label: "Broken",
    count: "broken",
    filter: "state",
    value: "broken",
    kind: "failed",
    title: "The config is broken, and nothing runs",
  },
  {
    label: "Warnings",
    count: "warnings",
    filter: "state",
    value: "warnings",
    kind: "warning",
    title: "The config is valid, but something in it is probably not meant so",
  },
  { label: "Paused", count: "paused", filter: "paused", value: "true", kind: "none", title: "No run starts by itself" },
  { label: "Running", count: "running", filter: "last", value: "running", kind: "running", title: "Runs now" },
  { label: "Failed last", count: "failed", filter: "last", value: "failed", kind: "failed", title: "The last run failed" },
];

/**
 * @param {Record<string, number>} values
 * @param {import("./filters.js").Filters} filters
 * @param {(changes: Record<string, string | null>) => void} choose
 * @returns {HTMLElement}
 */
export function counts(values, filters, choose) {
  const none = Object.fromEntries(COUNTS.map(({ filter }) => [filter, null]));
  const isAll = Object.keys(none).every((filter) => !filters[filter]);
  const all = count({ label: "All", value: values.all, kind: "all", title: "All pipelines", isOn: isAll }, () =>
    choose(none),
  );
  const others = COUNTS.map((each) => {
    const isOn = filters[each.filter] === each.value;
    const change = { [each.filter]: isOn ? null : each.value };
    return count({ ...each, value: values[each.count], isOn }, () => choose(change));
  });
  return element("div", { class: "counts", role: "group", "aria-label": "Filter by state" }, all, ...others);
}

function count(
  /** @type {{label: string, value: number, kind: string, title: string, isOn: boolean}} */ shown,
  /** @type {() => void} */ onclick,
) {
  const attributes = {
    type: "button",
    class: `count is-${shown.kind}${shown.value ? "" : " is-zero"}`,
    "aria-pressed": String(shown.isOn),
    title: shown.title,
    "data-focus": `count ${shown.label}`,
    onclick,
  };
  const figure = element("span", { class: "figure" }, number(shown.value) || "–");
  return element("button", attributes, figure, element("span", {}, shown.label));
}
