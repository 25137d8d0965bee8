/** The search and the filters by type and service, above the list. */

import { element } from "./elements.js";
import { NONE, narrowing } from "./filters.js";
import { icon } from "./icons.js";

const TYPING_MS = 250;

/**
 * @param {(changes: Record<string, string | null>, typing?: boolean) => void} choose
 * @returns {{node: HTMLElement, update: (filters: import("./filters.js").Filters, types: string[], services: string[]) => void,
 *   follow: (filters: import("./filters.js").Filters) => void}} `follow` is for filters that were not chosen here
 */
export function toolbar(choose) {
  let timer = 0;
  const search = element("input", {
    type: "search",
    placeholder: "Search by name or DAG ID",
    "aria-label": "Search pipelines",
    maxlength: 200,
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => choose({ q: search.value.trim() || null }, true), TYPING_MS);
    },
  });
  const type = element("select", { "aria-label": "Type", onchange: () => choose({ type: type.value || null }) });
  const service = element("select", {
    "aria-label": "Service",
    onchange: () => choose({ service: service.value || null }),
  });
  const clear = element(
    "button",
    {
      type: "button",
      onclick: () => {
        clearTimeout(timer);
        choose(NONE);
        search.focus();
      },
    },
    "Clear filters",
  );
  const node = element(
    "form",
    { class: "toolbar", role: "search", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    element("span", { class: "search" }, icon("search"), search),
    type,
    service,
    clear,
  );
  return {
    node,
    follow(filters) {
      // What is being typed would otherwise be searched for a moment later, at another place of the history.
      clearTimeout(timer);
      search.value = filters.q ?? "";
    },
    update(filters, types, services) {
      // Whoever types is ahead of the address.
      if (document.activeElement !== search) search.value = filters.q ?? "";
      offer(type, "All types", types, filters.type);
      offer(service, "All services", services, filters.service);
      clear.hidden = !Object.keys(narrowing(filters)).length;
    },
  };
}

function offer(
  /** @type {HTMLSelectElement} */ select,
  /** @type {string} */ all,
  /** @type {string[]} */ values,
  /** @type {string | undefined} */ chosen,
) {
  const offered = chosen && !values.includes(chosen) ? [chosen, ...values] : values;
  const isSame = select.options.length === offered.length + 1 && offered.every((each, i) => select.options[i + 1].value === each);
  // An open list would close.
  if (!isSame || !select.options.length) {
    const options = offered.map((each) => element("option", { value: each }, each));
    select.replaceChildren(element("option", { value: "" }, all), ...options);
  }
  select.value = chosen ?? "";
}
